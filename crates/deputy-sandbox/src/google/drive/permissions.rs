//! `permissions`: sharing.

use serde_json::{Map, Value, json};

use super::access::{self, Role};
use super::file::{self, File, Grantee, Permission};
use super::resource;
use crate::google::accounts::{self, Account};
use crate::google::call::{Answer, Call};
use crate::google::failure::Failure;
use crate::google::service;

/// The file of a request, if its account may see and change who has it.
fn shareable(call: &Call<'_, '_>) -> Result<(String, File), Failure> {
    access::file_for(call, call.params.path("fileId"), Role::Writer)
}

/// The answer: all of the permission with `fields`, else what Google gives by default.
fn answer(call: &Call<'_, '_>, permission: &Permission) -> Value {
    let mut out = resource::permission(call.tx, permission);
    if call.params.get("fields").is_none()
        && let Some(out) = out.as_object_mut()
    {
        out.retain(|name, _| {
            ["kind", "id", "type", "role", "allowFileDiscovery"].contains(&name.as_str())
        });
    }
    out
}

pub(crate) fn list(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (_, file) = shareable(call)?;
    let permissions: Vec<Value> = file
        .permissions
        .iter()
        .map(|permission| answer(call, permission))
        .collect();
    Ok(Answer::json(
        json!({"kind": "drive#permissionList", "permissions": permissions}),
    ))
}

fn find(call: &Call<'_, '_>, file: &File) -> Result<usize, Failure> {
    let id = call.params.path("permissionId");
    file.permissions
        .iter()
        .position(|permission| permission.id == id)
        .ok_or_else(|| {
            Failure::not_found(format!("Permission not found: {id}.")).at_parameter("permissionId")
        })
}

pub(crate) fn get(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (_, file) = shareable(call)?;
    let at = find(call, &file)?;
    Ok(Answer::json(answer(call, &file.permissions[at])))
}

fn grantee(body: &Map<String, Value>) -> Result<Grantee, Failure> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let required = |name: &str| {
        text(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            Failure::bad_request(format!(
                "The {name} field is required for this type of permission."
            ))
            .at_parameter(format!("permission.{name}"))
        })
    };
    match text("type") {
        Some("user") => Ok(Grantee::User(address(required("emailAddress")?)?)),
        Some("group") => Ok(Grantee::Group(address(required("emailAddress")?)?)),
        Some("domain") => Ok(Grantee::Domain(required("domain")?.to_lowercase())),
        Some("anyone") => Ok(Grantee::Anyone(
            body.get("allowFileDiscovery")
                .and_then(Value::as_bool)
                .unwrap_or(false),
        )),
        _ => Err(
            Failure::bad_request("The permission type field is required.")
                .at_parameter("permission.type"),
        ),
    }
}

fn address(email: &str) -> Result<String, Failure> {
    accounts::normalized(email).ok_or_else(|| {
        Failure::new(
            http::StatusCode::BAD_REQUEST,
            "invalidSharingRequest",
            format!("Bad Request. User message: \"{email} is not a valid address.\""),
        )
    })
}

fn role_of(body: &Map<String, Value>) -> Result<Role, Failure> {
    let name = body.get("role").and_then(Value::as_str).unwrap_or_default();
    Role::named(name).ok_or_else(|| {
        Failure::bad_request("The permission role field is required.")
            .at_parameter("permission.role")
    })
}

pub(crate) fn create(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (id, mut file) = shareable(call)?;
    let body = call.json()?;
    let (grantee, role) = (grantee(&body)?, role_of(&body)?);
    let key = match &grantee {
        Grantee::User(email) | Grantee::Group(email) => file::permission_id(call.tx, email),
        Grantee::Domain(domain) => file::permission_id(call.tx, domain),
        Grantee::Anyone(_) => "anyoneWithLink".to_owned(),
    };
    let shared = Some((call.tx.tick(), call.account.clone()));
    let permission = Permission {
        id: key.clone(),
        grantee: grantee.clone(),
        role,
        shared,
        expires: None,
    };
    if role == Role::Owner {
        hand_over(call, &id, &mut file, &permission)?;
    } else {
        if file
            .permissions
            .iter()
            .any(|known| known.id == key && known.role == Role::Owner)
        {
            // The owner has every right already.
            let owner = file
                .permissions
                .iter()
                .find(|known| known.id == key)
                .cloned();
            return Ok(Answer::json(
                owner.map_or(Value::Null, |owner| answer(call, &owner)),
            ));
        }
        file.permissions.retain(|known| known.id != key);
        file.permissions.push(permission.clone());
    }
    let name = file.name.clone();
    file::put(call.tx, &id, file);
    if let Grantee::User(email) = &grantee {
        let wanted = call
            .params
            .get("sendNotificationEmail")
            .is_none_or(|value| value != "false");
        if wanted && *email != call.account {
            notify(call, email, &id, &name, role);
        }
    }
    Ok(Answer::json(answer(call, &permission)))
}

/// Makes somebody else the owner; who was it before stays a writer.
fn hand_over(
    call: &Call<'_, '_>,
    id: &str,
    file: &mut File,
    permission: &Permission,
) -> Result<(), Failure> {
    if !call.params.flag("transferOwnership") {
        return Err(Failure::forbidden(
            "forbidden",
            "The transferOwnership parameter must be enabled when the permission role is 'owner'.",
        )
        .at_parameter("transferOwnership"));
    }
    let Grantee::User(email) = &permission.grantee else {
        return Err(Failure::bad_request("Only a user can own a file."));
    };
    if file.owner != call.account {
        return Err(access::insufficient(id));
    }
    file.permissions.retain(|known| known.id != permission.id);
    for known in &mut file.permissions {
        if known.role == Role::Owner {
            known.role = Role::Writer;
        }
    }
    file.permissions.push(permission.clone());
    file.owner.clone_from(email);
    // It stays where it is only if the new owner may see the folder.
    Ok(())
}

pub(crate) fn update(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    let (id, mut file) = shareable(call)?;
    let at = find(call, &file)?;
    let role = role_of(&call.json()?)?;
    let mut permission = file.permissions[at].clone();
    if permission.role == Role::Owner && role != Role::Owner {
        return Err(access::insufficient(&id));
    }
    permission.role = role;
    if role == Role::Owner {
        hand_over(call, &id, &mut file, &permission)?;
    } else {
        file.permissions[at] = permission.clone();
    }
    file::put(call.tx, &id, file);
    Ok(Answer::json(answer(call, &permission)))
}

pub(crate) fn delete(call: &mut Call<'_, '_>) -> Result<Answer, Failure> {
    // Whoever has a file may leave it; to take it from others needs a writer.
    let (id, mut file) = access::file_for(call, call.params.path("fileId"), Role::Reader)?;
    let at = find(call, &file)?;
    let own = file.permissions[at].grantee == Grantee::User(call.account.clone());
    let role = access::role(call.tx, &file, &call.account);
    if file.permissions[at].role == Role::Owner || (!own && role < Some(Role::Writer)) {
        return Err(access::insufficient(&id));
    }
    file.permissions.remove(at);
    file::put(call.tx, &id, file);
    Ok(Answer::no_content())
}

/// The mail that tells somebody that a file was shared.
fn notify(call: &mut Call<'_, '_>, email: &str, id: &str, name: &str, role: Role) {
    let sender = call
        .tx
        .get::<Account>(&call.account, "")
        .map(|account| account.name.clone())
        .unwrap_or_default();
    let can = match role {
        Role::Reader => "view",
        Role::Commenter => "comment on",
        Role::Writer | Role::Owner => "edit",
    };
    let message = call
        .params
        .get("emailMessage")
        .map(|text| format!("\r\n{text}\r\n"))
        .unwrap_or_default();
    let link = format!(
        "{}accounts/{}/files/{id}",
        call.base,
        email.replace('@', "%40")
    );
    let text = format!(
        "{sender} ({}) has invited you to {can} the following file:\r\n\r\n{name}\r\n{link}\r\n{message}",
        call.account
    );
    let raw = mail_builder::MessageBuilder::new()
        .from((
            format!("{sender} (via Google Drive)"),
            "drive-shares-noreply@google.com".to_owned(),
        ))
        .to(email)
        .reply_to(call.account.as_str())
        .subject(format!("File shared with you: \"{name}\""))
        .date(call.tx.now().as_second())
        .message_id(format!(
            "{}@docs-share.google.com",
            call.tx
                .random_id("abcdefghijklmnopqrstuvwxyz0123456789", 32)
        ))
        .text_body(text)
        .write_to_vec();
    match raw {
        Ok(raw) => service::deliver(
            call.tx,
            "drive-shares-noreply@google.com",
            &[email.to_owned()],
            &raw,
        ),
        Err(error) => tracing::error!(%error, "a notification could not be written"),
    }
}
