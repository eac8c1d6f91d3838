//! Connects an account of the emulated Google the way a person would: through the consent page.

use anyhow::{Context as _, bail};
use deputy_connections::{CallbackQuery, Connections, Services};
use deputy_core::{UserId, http};
use url::Url;

/// Gives every consent in the name of `account`, for `user`.
pub(crate) async fn connect(
    connections: &Connections,
    user: UserId,
    account: &str,
) -> anyhow::Result<()> {
    let page = connections.begin(user, Services::ALL).await?;
    let client = http::trusted(http::Limits::default())?;
    let answers: Vec<(String, String)> = page
        .query_pairs()
        .find(|(key, _)| key == "scope")
        .map(|(_, scopes)| {
            scopes
                .split(' ')
                .map(|s| ("scope".to_owned(), s.to_owned()))
                .collect::<Vec<_>>()
        })
        .unwrap_or_default()
        .into_iter()
        .chain([
            ("email".to_owned(), account.to_owned()),
            ("decision".to_owned(), "allow".to_owned()),
        ])
        .collect();
    let form = client
        .get(page.clone())
        .send()
        .await?
        .error_for_status()?
        .text()
        .await?;
    let response = client
        .post(action_of(&page, &form)?)
        .form(&fields(&form, answers))
        .send()
        .await?;
    let back = response
        .headers()
        .get("location")
        .and_then(|to| to.to_str().ok())
        .with_context(|| {
            format!(
                "the consent page answered {} instead of leading back",
                response.status()
            )
        })?;
    let back = Url::parse(back)?;
    let value = |name: &str| {
        back.query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let query = CallbackQuery {
        code: value("code").map(deputy_core::Secret::new),
        state: value("state"),
        error: value("error"),
        iss: None,
    };
    if query.code.is_none() {
        bail!(
            "the consent was refused: {}",
            query.error.unwrap_or_default()
        );
    }
    connections.complete(user, query).await?;
    Ok(())
}

/// Where the form is sent.
fn action_of(page: &Url, form: &str) -> anyhow::Result<Url> {
    match attribute(form, "<form", "action") {
        Some(action) => Ok(page.join(&action)?),
        None => Ok(page.clone()),
    }
}

/// The hidden fields of the form, then our answers.
fn fields(form: &str, answers: Vec<(String, String)>) -> Vec<(String, String)> {
    let hidden = form
        .split("<input")
        .skip(1)
        .filter(|input| input.contains("type=\"hidden\""))
        .filter_map(|input| {
            let tag = input.split('>').next()?;
            Some((
                value_of(tag, "name")?,
                value_of(tag, "value").unwrap_or_default(),
            ))
        });
    hidden.chain(answers).collect()
}

fn attribute(html: &str, tag: &str, name: &str) -> Option<String> {
    let start = html.find(tag)?;
    value_of(html[start..].split('>').next()?, name)
}

/// The value of an attribute in a tag of our own emulator's page.
fn value_of(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let raw = tag[start..].split('"').next()?;
    Some(
        raw.replace("&amp;", "&")
            .replace("&quot;", "\"")
            .replace("&#34;", "\"")
            .replace("&#38;", "&")
            .replace("&lt;", "<")
            .replace("&gt;", ">"),
    )
}
