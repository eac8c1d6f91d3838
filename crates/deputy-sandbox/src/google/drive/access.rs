//! Who may do what.

use serde::{Deserialize, Serialize};

use super::file::{self, File, Grantee};
use crate::google::call::Call;
use crate::google::failure::Failure;
use crate::google::world::Tx;

/// What a permission allows; each allows what those before it do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Role {
    Reader,
    Commenter,
    Writer,
    Owner,
}

impl Role {
    /// As the API writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Commenter => "commenter",
            Self::Writer => "writer",
            Self::Owner => "owner",
        }
    }

    /// From the API's name; roles that only shared drives have are none here.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Reader, Self::Commenter, Self::Writer, Self::Owner]
            .into_iter()
            .find(|role| role.name() == name)
    }
}

/// What the account may do with the file, by its own permissions or by those of a folder above.
pub(crate) fn role(tx: &Tx<'_>, file: &File, account: &str) -> Option<Role> {
    let own = given(tx, file, account);
    let inherited = file::ancestors(tx, file)
        .into_iter()
        .filter_map(|(_, folder)| given(tx, &folder, account))
        .max();
    own.max(inherited)
}

fn given(tx: &Tx<'_>, file: &File, account: &str) -> Option<Role> {
    file.permissions
        .iter()
        .filter(|permission| permission.expires.is_none_or(|expires| expires > tx.now()))
        .filter(|permission| match &permission.grantee {
            Grantee::User(email) => email == account,
            Grantee::Domain(domain) => account.split('@').nth(1) == Some(domain),
            Grantee::Anyone(_) => true,
            Grantee::Group(_) => false,
        })
        .map(|permission| permission.role)
        .max()
}

/// Whether the file shows up in the account's listings: it is the account's own or was shared with
/// it by name; what is merely open to everybody who knows the id does not.
pub(crate) fn is_listed(tx: &Tx<'_>, file: &File, account: &str) -> bool {
    let named = |file: &File| {
        file.permissions
            .iter()
            .any(|permission| match &permission.grantee {
                Grantee::User(email) => email == account,
                Grantee::Domain(domain) => account.split('@').nth(1) == Some(domain),
                Grantee::Anyone(findable) => *findable,
                Grantee::Group(_) => false,
            })
    };
    named(file)
        || file::ancestors(tx, file)
            .iter()
            .any(|(_, folder)| named(folder))
}

/// 404 as Drive writes it.
pub(crate) fn not_found(id: &str) -> Failure {
    Failure::not_found(format!("File not found: {id}.")).at_parameter("fileId")
}

/// The file of a request, if its account may do `least` with it; 404 if it may not even see it.
pub(crate) fn file_for(
    call: &Call<'_, '_>,
    id: &str,
    least: Role,
) -> Result<(String, File), Failure> {
    let resolved = file::resolve(call.tx, &call.account, id);
    let file = file::get(call.tx, &resolved).ok_or_else(|| not_found(id))?;
    let role = role(call.tx, &file, &call.account).ok_or_else(|| not_found(id))?;
    if role < least {
        return Err(insufficient(&resolved));
    }
    Ok((resolved, File::clone(&file)))
}

pub(crate) fn insufficient(id: &str) -> Failure {
    Failure::forbidden(
        "insufficientFilePermissions",
        format!("The user does not have sufficient permissions for file {id}."),
    )
}
