//! Finding requirements, in one project or in all of a person's.

use deputy_core::UserId;
use deputy_store::requirement::RequirementFilter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Requirement, Status, shown};
use crate::limits::MAX_PROJECTS;
use crate::{Result, Workspace, page, text};

/// Which requirements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListRequirements {
    /// Those of this project alone: its key or number. Left out: of all your projects.
    #[serde(default)]
    pub project: Option<String>,
    /// Those of this status alone.
    #[serde(default)]
    pub status: Option<Status>,
    /// Those with each of these words in title or text.
    #[serde(default)]
    pub query: Option<String>,
    /// true: deleted ones instead.
    #[serde(default)]
    pub deleted: Option<bool>,
    /// At most this many (1 to 250; 50 if left out).
    #[serde(default)]
    #[schemars(range(min = 1, max = 250))]
    pub max_results: Option<u32>,
    /// The next_page_token of the page before.
    #[serde(default)]
    pub page_token: Option<String>,
}

/// A page of requirements.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Requirements {
    /// The requirements, by project and number.
    pub requirements: Vec<Requirement>,
    /// For the next page, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

impl Workspace {
    /// The requirements that the person can see.
    pub async fn requirements(
        &self,
        user: UserId,
        which: &ListRequirements,
    ) -> Result<Requirements> {
        let limit = page::limit(which.max_results)?;
        let place = page::token(which.page_token.as_deref())?;
        let mut filter = RequirementFilter {
            statuses: which
                .status
                .map(|status| status.as_str().to_owned())
                .into_iter()
                .collect(),
            words: text::words(which.query.as_deref())?,
            deleted: which.deleted.unwrap_or_default(),
            after: None,
        };
        let projects = match &which.project {
            Some(said) => vec![self.reading(user, said).await?.membership],
            // As many as one can have.
            None => self.store().user(user).projects(None, MAX_PROJECTS).await?,
        };
        let mut found = Vec::new();
        for project in projects.into_iter().map(|of| of.project) {
            filter.after = match place {
                Some([before, _]) if project.id < before => continue,
                Some([before, number]) if project.id == before => Some(number),
                _ => None,
            };
            let Some(scope) = self.store().user(user).project(project.id).await? else {
                continue;
            };
            let left = (limit + 1).saturating_sub(found.len() as u64);
            for row in scope.requirements(&filter, left).await? {
                let number = row.number;
                found.push((number, shown(row, &project.key, project.id)?));
            }
            if found.len() as u64 > limit {
                break;
            }
        }
        let next_page_token =
            page::next(&mut found, limit, |(number, row)| [row.project_id, *number]);
        Ok(Requirements {
            requirements: found.into_iter().map(|(_, row)| row).collect(),
            next_page_token,
        })
    }
}
