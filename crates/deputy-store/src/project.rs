//! Rows of `projects` and `project_members`: what requirements belong to, and who may do what there.
//!
//! A project has no owner in its row: whoever is a member has it, with a role. So a person reaches a
//! project only through a membership, and everything in it only through a [`ProjectScope`], which one
//! gets for a membership alone.

use deputy_core::UserId;
use jiff::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction,
    EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use crate::entity::{project_members, projects, users};
use crate::{Error, Result, UserScope, from_ms, is_storable, to_ms};

/// A project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The number of the row; never reused.
    pub id: i64,
    /// What its requirements' keys begin with, e.g. `SHOP`. Not unique: two people may each have one.
    pub key: String,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its name or description was last changed.
    pub updated_at: Timestamp,
}

/// What a member may do, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProjectRole {
    /// Reads.
    Viewer,
    /// Changes requirements, links and comments too.
    Editor,
    /// Decides about the project and its members too.
    Owner,
}

impl ProjectRole {
    /// All of them, from the least to the most.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Owner];

    /// The word in rows and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Owner => "owner",
        }
    }

    /// The role of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// A project as one of its members has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The project.
    pub project: Project,
    /// What this member may do.
    pub role: ProjectRole,
}

/// Somebody who has a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Sign-in name.
    pub username: String,
    /// Name for display.
    pub name: String,
    /// What they may do.
    pub role: ProjectRole,
    /// Since when they have it.
    pub since: Timestamp,
}

/// Everything in one project, for one of its members. `C` as in [`UserScope`].
pub struct ProjectScope<'c, C: ConnectionTrait> {
    pub(crate) conn: &'c C,
    /// Whose scope it is.
    pub user: UserId,
    /// The project and what this member may do.
    pub membership: Membership,
}

/// A scope to read.
pub type ProjectReader<'c> = ProjectScope<'c, DatabaseConnection>;
/// A scope to read and write.
pub type ProjectWriter<'c> = ProjectScope<'c, DatabaseTransaction>;

impl From<projects::Model> for Project {
    fn from(row: projects::Model) -> Self {
        Self {
            id: row.id,
            key: row.key,
            name: row.name,
            description: row.description,
            created_at: from_ms(row.created_at),
            updated_at: from_ms(row.updated_at),
        }
    }
}

fn role(word: &str, project: i64) -> Result<ProjectRole> {
    ProjectRole::of(word).ok_or_else(|| Error::Inconsistent {
        table: "project_members",
        column: "role",
        row: project.to_string(),
    })
}

fn membership(
    (member, project): (project_members::Model, Option<projects::Model>),
) -> Result<Option<Membership>> {
    let Some(project) = project else {
        return Ok(None);
    };
    Ok(Some(Membership {
        role: role(&member.role, project.id)?,
        project: project.into(),
    }))
}

impl<'c, C: ConnectionTrait> UserScope<'c, C> {
    /// At most `limit` of the projects that the person is a member of, in the order of their numbers;
    /// those after the one of number `after`.
    pub async fn projects(&self, after: Option<i64>, limit: u64) -> Result<Vec<Membership>> {
        let rows = project_members::Entity::find()
            .find_also_related(projects::Entity)
            .filter(project_members::Column::UserId.eq(self.user.0))
            .apply_if(after, |query, id| {
                query.filter(project_members::Column::ProjectId.gt(id))
            })
            .order_by_asc(project_members::Column::ProjectId)
            .limit(limit)
            .all(self.conn)
            .await?;
        let found = rows.into_iter().map(membership);
        found.filter_map(Result::transpose).collect()
    }

    /// The person's projects of this key: hardly ever more than one, at most 20.
    pub async fn projects_of_key(&self, key: &str) -> Result<Vec<Membership>> {
        if !is_storable(key) {
            return Ok(Vec::new());
        }
        let rows = project_members::Entity::find()
            .find_also_related(projects::Entity)
            .filter(project_members::Column::UserId.eq(self.user.0))
            .filter(projects::Column::Key.eq(key))
            .order_by_asc(project_members::Column::ProjectId)
            .limit(20)
            .all(self.conn)
            .await?;
        let found = rows.into_iter().map(membership);
        found.filter_map(Result::transpose).collect()
    }

    /// How many projects the person is a member of.
    pub async fn count_projects(&self) -> Result<u64> {
        Ok(project_members::Entity::find()
            .filter(project_members::Column::UserId.eq(self.user.0))
            .count(self.conn)
            .await?)
    }

    /// What is in the project of this number, if the person is a member.
    pub async fn project(&self, id: i64) -> Result<Option<ProjectScope<'c, C>>> {
        let row = project_members::Entity::find()
            .find_also_related(projects::Entity)
            .filter(project_members::Column::UserId.eq(self.user.0))
            .filter(project_members::Column::ProjectId.eq(id))
            .one(self.conn)
            .await?;
        let found = row.map(membership).transpose()?.flatten();
        Ok(found.map(|membership| ProjectScope {
            conn: self.conn,
            user: self.user,
            membership,
        }))
    }
}

impl<'c> UserScope<'c, DatabaseTransaction> {
    /// The same, held against everybody else who changes something in it until this transaction ends:
    /// numbers, links and roles are decided one after the other.
    pub async fn project_to_change(
        &self,
        id: i64,
    ) -> Result<Option<ProjectScope<'c, DatabaseTransaction>>> {
        if self.locks_rows() {
            // Of a project that isn't the person's too: it tells nothing, and a look before it could
            // be out of date.
            projects::Entity::find_by_id(id)
                .lock_exclusive()
                .one(self.conn)
                .await?;
        }
        self.project(id).await
    }

    /// Makes a project of which the person is the owner. [`Error::Dangling`] when the person is gone.
    pub async fn insert_project(
        &self,
        key: String,
        name: String,
        description: String,
        at: Timestamp,
    ) -> Result<Project> {
        let row = projects::ActiveModel {
            id: NotSet,
            key: Set(key),
            name: Set(name),
            description: Set(description),
            last_number: Set(0),
            created_at: Set(to_ms(at)),
            updated_at: Set(to_ms(at)),
        };
        let project = row.insert(self.conn).await?;
        project_members::Entity::insert(project_members::ActiveModel {
            project_id: Set(project.id),
            user_id: Set(self.user.0),
            role: Set(ProjectRole::Owner.as_str().to_owned()),
            created_at: Set(to_ms(at)),
        })
        .exec_without_returning(self.conn)
        .await?;
        Ok(project.into())
    }

    /// Leaves every project before the person goes: one that has nobody else goes too; where nobody
    /// else is an owner, whoever of the others may do most, and of those the one who was there first,
    /// becomes one.
    pub(crate) async fn leave_projects(&self) -> Result<()> {
        let owner = ProjectRole::Owner.as_str();
        let owned: Vec<i64> = project_members::Entity::find()
            .select_only()
            .column(project_members::Column::ProjectId)
            .filter(project_members::Column::UserId.eq(self.user.0))
            .filter(project_members::Column::Role.eq(owner))
            .order_by_asc(project_members::Column::ProjectId)
            .into_tuple()
            .all(self.conn)
            .await?;
        for id in owned {
            let Some(scope) = self.project_to_change(id).await? else {
                continue;
            };
            let others: Vec<Member> = scope
                .members()
                .await?
                .into_iter()
                .filter(|member| member.user != self.user)
                .collect();
            if others.iter().any(|other| other.role == ProjectRole::Owner) {
                continue;
            }
            let heir = others
                .iter()
                .min_by_key(|other| (std::cmp::Reverse(other.role), other.since, other.user.0));
            match heir {
                Some(heir) => {
                    scope
                        .put_member(heir.user, ProjectRole::Owner, heir.since)
                        .await?;
                }
                None => scope.delete().await?,
            }
        }
        Ok(())
    }
}

impl<C: ConnectionTrait> ProjectScope<'_, C> {
    /// The project's number.
    pub(crate) fn id(&self) -> i64 {
        self.membership.project.id
    }

    /// Everybody who has the project, who was there first first.
    pub async fn members(&self) -> Result<Vec<Member>> {
        let rows = project_members::Entity::find()
            .find_also_related(users::Entity)
            .filter(project_members::Column::ProjectId.eq(self.id()))
            .order_by_asc(project_members::Column::CreatedAt)
            .order_by_asc(project_members::Column::UserId)
            .all(self.conn)
            .await?;
        rows.into_iter()
            .filter_map(|(member, user)| user.map(|user| (member, user)))
            .map(|(member, user)| {
                Ok(Member {
                    user: UserId(user.id),
                    username: user.username,
                    name: user.name,
                    role: role(&member.role, member.project_id)?,
                    since: from_ms(member.created_at),
                })
            })
            .collect()
    }
}

impl ProjectScope<'_, DatabaseTransaction> {
    /// Gives the project another name and description.
    pub async fn set(&self, name: String, description: String, at: Timestamp) -> Result<()> {
        projects::Entity::update_many()
            .set(projects::ActiveModel {
                name: Set(name),
                description: Set(description),
                updated_at: Set(to_ms(at)),
                ..Default::default()
            })
            .filter(projects::Column::Id.eq(self.id()))
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Deletes the project with everything in it.
    pub async fn delete(&self) -> Result<()> {
        projects::Entity::delete_by_id(self.id())
            .exec(self.conn)
            .await?;
        Ok(())
    }

    /// Makes somebody a member, or gives a member another role. [`Error::Dangling`] when there is no
    /// such person.
    pub async fn put_member(&self, user: UserId, role: ProjectRole, at: Timestamp) -> Result<()> {
        project_members::Entity::insert(project_members::ActiveModel {
            project_id: Set(self.id()),
            user_id: Set(user.0),
            role: Set(role.as_str().to_owned()),
            created_at: Set(to_ms(at)),
        })
        .on_conflict(
            OnConflict::columns([
                project_members::Column::ProjectId,
                project_members::Column::UserId,
            ])
            .update_column(project_members::Column::Role)
            .to_owned(),
        )
        .exec_without_returning(self.conn)
        .await?;
        Ok(())
    }

    /// Takes the project away from a member. False when there is no such member.
    pub async fn remove_member(&self, user: UserId) -> Result<bool> {
        let done = project_members::Entity::delete_many()
            .filter(project_members::Column::ProjectId.eq(self.id()))
            .filter(project_members::Column::UserId.eq(user.0))
            .exec(self.conn)
            .await?;
        Ok(done.rows_affected == 1)
    }

    /// The number of the project's next requirement, used up.
    pub(crate) async fn next_number(&self) -> Result<i64> {
        projects::Entity::update_many()
            .col_expr(
                projects::Column::LastNumber,
                Expr::col(projects::Column::LastNumber).add(1),
            )
            .filter(projects::Column::Id.eq(self.id()))
            .exec(self.conn)
            .await?;
        let number: Option<i64> = projects::Entity::find_by_id(self.id())
            .select_only()
            .column(projects::Column::LastNumber)
            .into_tuple()
            .one(self.conn)
            .await?;
        number.ok_or_else(|| Error::Dangling("projects".to_owned()))
    }
}

#[cfg(test)]
mod tests;
