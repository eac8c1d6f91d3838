//! The traceability matrix of a project: for each requirement, what it is to which others, and what
//! they are to it.

use std::collections::{BTreeMap, HashMap};

use deputy_core::UserId;
use deputy_store::requirement::RequirementFilter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::link::{LinkKind, kind};
use super::{Status, status};
use crate::limits::{MAX_LINKS, MAX_REQUIREMENTS};
use crate::{Project, Result, Workspace};

/// The matrix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Matrix {
    /// The project.
    pub project: Project,
    /// Its requirements, in the order of their numbers, deleted ones left out.
    pub rows: Vec<MatrixRow>,
}

/// A requirement in the matrix: keys of others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MatrixRow {
    /// Its key.
    pub key: String,
    /// Its title.
    pub title: String,
    /// Where it stands.
    pub status: Status,
    /// Which it refines.
    pub refines: Vec<String>,
    /// Which refine it.
    pub refined_by: Vec<String>,
    /// Which it depends on.
    pub depends_on: Vec<String>,
    /// Which depend on it.
    pub needed_by: Vec<String>,
    /// Which it verifies.
    pub verifies: Vec<String>,
    /// Which verify it.
    pub verified_by: Vec<String>,
}

impl MatrixRow {
    fn side(&mut self, kind: LinkKind, outgoing: bool) -> &mut Vec<String> {
        match (kind, outgoing) {
            (LinkKind::Refines, true) => &mut self.refines,
            (LinkKind::Refines, false) => &mut self.refined_by,
            (LinkKind::DependsOn, true) => &mut self.depends_on,
            (LinkKind::DependsOn, false) => &mut self.needed_by,
            (LinkKind::Verifies, true) => &mut self.verifies,
            (LinkKind::Verifies, false) => &mut self.verified_by,
        }
    }

    /// What this row's requirement is to the one of this key.
    pub fn kinds_to(&self, key: &str) -> Vec<LinkKind> {
        let sides = [
            (LinkKind::Refines, &self.refines),
            (LinkKind::DependsOn, &self.depends_on),
            (LinkKind::Verifies, &self.verifies),
        ];
        let to = |keys: &[String]| keys.iter().any(|other| other == key);
        sides
            .into_iter()
            .filter(|(_, keys)| to(keys))
            .map(|(kind, _)| kind)
            .collect()
    }
}

impl Workspace {
    /// The matrix of one of the person's projects.
    pub async fn matrix(&self, user: UserId, said: &str) -> Result<Matrix> {
        let scope = self.reading(user, said).await?;
        let project: Project = scope.membership.clone().into();
        let all = RequirementFilter::default();
        let mut places = HashMap::new();
        let mut rows = Vec::new();
        for row in scope.requirements(&all, MAX_REQUIREMENTS).await? {
            places.insert(row.number, rows.len());
            rows.push(MatrixRow {
                key: format!("{}-{}", project.key, row.number),
                title: row.title,
                status: status(&row.status, row.id)?,
                refines: Vec::new(),
                refined_by: Vec::new(),
                depends_on: Vec::new(),
                needed_by: Vec::new(),
                verifies: Vec::new(),
                verified_by: Vec::new(),
            });
        }
        let mut links = scope.links(MAX_LINKS).await?;
        links.sort_by_key(|link| (link.from, link.to));
        for link in links {
            let kind = kind(&link)?;
            let (Some(from), Some(to)) = (places.get(&link.from), places.get(&link.to)) else {
                continue;
            };
            let (from_key, to_key) = (rows[*from].key.clone(), rows[*to].key.clone());
            rows[*from].side(kind, true).push(to_key);
            rows[*to].side(kind, false).push(from_key);
        }
        Ok(Matrix { project, rows })
    }
}

impl Matrix {
    /// How many requirements there are of each status.
    pub fn by_status(&self) -> BTreeMap<Status, usize> {
        let mut counts = BTreeMap::new();
        for row in &self.rows {
            *counts.entry(row.status).or_default() += 1;
        }
        counts
    }
}
