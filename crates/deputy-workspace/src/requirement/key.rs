//! What somebody calls a requirement.

use deputy_core::UserId;
use deputy_store::project::ProjectReader;
use deputy_store::requirement as store;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::missing;
use crate::{Error, Result, Workspace};

/// A requirement's key, with the project where two have the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    /// Its key, e.g. SHOP-3.
    pub key: String,
    /// The number of the project, where you have two of the same key.
    #[serde(default)]
    pub project: Option<String>,
}

impl Key {
    /// The requirement of this key.
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            project: None,
        }
    }

    /// What it says of the project.
    pub(crate) fn project(&self) -> &str {
        match &self.project {
            Some(project) => project,
            None => self.key.trim().rsplit_once('-').map_or("", |(key, _)| key),
        }
    }

    /// The number in a project of this key.
    pub(crate) fn number_in(&self, project: &str) -> Result<i64> {
        let number = self
            .key
            .trim()
            .rsplit_once('-')
            .filter(|(key, _)| key.eq_ignore_ascii_case(project))
            .and_then(|(_, number)| number.parse::<i64>().ok());
        number.ok_or_else(|| missing(&self.key))
    }
}

impl Workspace {
    /// The requirement that `said` means, with its project, to read.
    pub(crate) async fn found(
        &self,
        user: UserId,
        said: &Key,
    ) -> Result<(ProjectReader<'_>, store::Requirement)> {
        let scope = self
            .reading(user, said.project())
            .await
            .map_err(|error| match error {
                Error::NotFound(_) => missing(&said.key),
                other => other,
            })?;
        let number = said.number_in(&scope.membership.project.key)?;
        let row = scope.requirement(number).await?;
        let row = row.ok_or_else(|| missing(&said.key))?;
        Ok((scope, row))
    }
}
