//! Where a sealed value belongs.

use deputy_core::UserId;

/// The one place where a sealed value opens. `row` must be known before the row is written: use a
/// natural key where the number comes from the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    owner: Option<UserId>,
    table: &'a str,
    row: &'a str,
    column: &'a str,
    purpose: &'a str,
}

impl<'a> Place<'a> {
    /// A column of a row of `user`'s.
    pub const fn of_user(
        user: UserId,
        table: &'a str,
        row: &'a str,
        column: &'a str,
        purpose: &'a str,
    ) -> Self {
        Self {
            owner: Some(user),
            table,
            row,
            column,
            purpose,
        }
    }

    /// A column of a row that belongs to no person, e.g. a signing key.
    pub const fn of_installation(
        table: &'a str,
        row: &'a str,
        column: &'a str,
        purpose: &'a str,
    ) -> Self {
        Self {
            owner: None,
            table,
            row,
            column,
            purpose,
        }
    }

    /// Whose it is; `None` for the installation.
    pub const fn owner(&self) -> Option<UserId> {
        self.owner
    }

    /// The fields as they are authenticated, in order.
    pub(crate) fn fields(&self) -> [String; 5] {
        [
            owner_text(self.owner),
            self.table.into(),
            self.row.into(),
            self.column.into(),
            self.purpose.into(),
        ]
    }
}

/// An owner as it is authenticated: the number in decimal, empty for the installation.
pub(crate) fn owner_text(owner: Option<UserId>) -> String {
    owner.map(|user| user.to_string()).unwrap_or_default()
}
