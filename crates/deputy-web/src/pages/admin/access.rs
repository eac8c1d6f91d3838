//! Who has access to anybody's things, and what is blocked, on `/admin`.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use deputy_identity::oauth::{BlockError, BlockKind, Subject};
use http::StatusCode;

use super::{Filled, More, PAGE, Place, administrators_only, cut, failed};
use crate::App;
use crate::access::AccessError;
use crate::access::admin as programs;
use crate::auth::Form;
use crate::error::PageError;
use crate::form::Fields;
use crate::fresh;
use crate::oauth::authorize::consent;
use crate::oauth::said;
use crate::pages::done;
use crate::view::{Watch, When};

/// A program or a person with accesses.
pub(crate) struct EndView {
    /// As it is sent back.
    pub(crate) key: String,
    /// As it is shown.
    pub(crate) shown: String,
    pub(crate) name: String,
    pub(crate) grants: i64,
}

pub(crate) struct BlockView {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) kind_key: &'static str,
    pub(crate) since: When,
}

/// What this part of the page shows.
pub(crate) struct View {
    pub(crate) programs: Vec<EndView>,
    pub(crate) more_programs: More,
    pub(crate) people: Vec<EndView>,
    pub(crate) more_people: More,
    pub(crate) blocks: Vec<BlockView>,
    pub(crate) more_blocks: More,
    pub(crate) problem: Option<String>,
    pub(crate) filled: String,
    pub(crate) is_client: bool,
}

/// A block that was not made: why, and what was filled in.
#[derive(Default)]
pub(crate) struct Refused {
    problem: Option<String>,
    filled: String,
    is_client: bool,
}

impl Refused {
    /// Nothing is wrong with it; it waited for its person.
    pub(super) fn kept(fields: &Fields) -> Self {
        Self {
            problem: None,
            filled: fields.get("name").to_owned(),
            is_client: fields.get("kind") == "client",
        }
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Where the page after this one begins, of a list that is told by how many come before it.
fn after(passed: u32, more: bool) -> Option<u32> {
    more.then(|| passed.saturating_add(PAGE))
}

pub(super) async fn view(
    app: &App,
    watch: &Watch,
    place: &Place,
    refused: Refused,
) -> Result<View, PageError> {
    let one_more = u64::from(PAGE) + 1;
    let passed = place.programs.unwrap_or_default();
    let programs = app.authorization.programs(passed.into(), one_more).await;
    let mut programs = programs.map_err(|error| failed(&error))?;
    let next = after(passed, cut(&mut programs));
    let more_programs = More::new("programs", "access", passed > 0, next);
    let counts = app.store.oauth_grants_by_person().await;
    let counts = counts.map_err(|error| failed(&error))?;
    let users = app.identity.users().await;
    let users = users.map_err(|error| PageError::internal(&error, "listing people"))?;
    let blocks = app.authorization.blocks(place.blocks, one_more).await;
    let mut blocks = blocks.map_err(|error| failed(&error))?;
    let next = cut(&mut blocks).then(|| blocks.last().map(|block| block.id));
    let more_blocks = More::new("blocks", "blocks", place.blocks.is_some(), next.flatten());
    let passed = place.people.unwrap_or_default();
    let people = users.into_iter().filter_map(|user| {
        let grants = *counts.get(&user.id)?;
        Some(EndView {
            shown: user.username.clone(),
            key: user.username,
            name: said(&user.name, consent::NAME),
            grants: number(grants),
        })
    });
    let mut people: Vec<EndView> = people
        .skip(usize::try_from(passed).unwrap_or(usize::MAX))
        .take(PAGE as usize + 1)
        .collect();
    let next = after(passed, cut(&mut people));
    let more_people = More::new("people", "access", passed > 0, next);
    Ok(View {
        more_programs,
        more_people,
        more_blocks,
        programs: programs
            .into_iter()
            .map(|program| EndView {
                shown: said(&program.client_id, 120),
                key: program.client_id,
                name: said(&program.client_name, consent::NAME),
                grants: number(program.grants),
            })
            .collect(),
        people,
        blocks: blocks
            .into_iter()
            .map(|block| BlockView {
                id: block.id,
                name: said(&block.name, 300),
                kind_key: match block.kind {
                    BlockKind::Client => "block-kind-client",
                    BlockKind::Host => "block-kind-host",
                },
                since: watch.show(block.created_at),
            })
            .collect(),
        problem: refused.problem,
        filled: refused.filled,
        is_client: refused.is_client,
    })
}

/// `POST /admin/access/end`: all of one program, or all of one person.
pub(crate) async fn end(State(app): State<App>, form: Form) -> Result<Response, Response> {
    administrators_only(&form.who).map_err(IntoResponse::into_response)?;
    fresh::need(&app, &form.who, "/admin#access").await?;
    let ended = ended(&app, &form).await;
    ended.map_err(IntoResponse::into_response)
}

async fn ended(app: &App, form: &Form) -> Result<Response, PageError> {
    let (client, person) = (form.fields.get("client_id"), form.fields.get("username"));
    let principal = &form.who.principal;
    match (client, person) {
        ("", "") => return Err(PageError::Invalid),
        (client, "") => programs::end_client(app, principal, client).await?,
        ("", person) => programs::end_person(app, principal, person).await?,
        _ => return Err(PageError::Invalid),
    };
    Ok(done("/admin#access", "accesses-ended"))
}

/// `POST /admin/blocks`.
pub(crate) async fn block(State(app): State<App>, form: Form) -> Result<Response, Response> {
    administrators_only(&form.who).map_err(IntoResponse::into_response)?;
    let place = ("/admin#blocks", "/admin/blocks");
    fresh::need_for(&app, &form.who, place, &form.fields).await?;
    let blocked = blocked(&app, form).await;
    blocked.map_err(IntoResponse::into_response)
}

async fn blocked(app: &App, form: Form) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let name = fields.get("name").trim().to_owned();
    let subject = match fields.get("kind") {
        "client" => Subject::Client(name.clone()),
        "host" => Subject::Host(name.clone()),
        _ => return Err(PageError::Invalid),
    };
    let t = crate::text::Text::new(who.user.language);
    let is_client = matches!(subject, Subject::Client(_));
    let mut status = StatusCode::UNPROCESSABLE_ENTITY;
    let problem = match programs::block(app, &who.principal, subject).await {
        Ok(_) => return Ok(done("/admin#blocks", "client-blocked")),
        Err(AccessError::Block(BlockError::Name(_))) => t.tr("block-refused"),
        Err(AccessError::Block(BlockError::Host(_))) => t.tr("block-refused-host"),
        Err(AccessError::Block(BlockError::TooMany)) => t.tr("block-refused-many"),
        Err(AccessError::Unfinished(error)) => {
            status = PageError::internal(&error, "ending all of a blocked program")
                .into_response()
                .status();
            t.tr("block-unfinished")
        }
        Err(error) => return Err(error.into()),
    };
    let refused = Refused {
        problem: Some(problem),
        filled: name,
        is_client,
    };
    let page = super::page(app, &who, &Place::default(), Filled::default(), refused).await?;
    Ok((status, page).into_response())
}

/// `POST /admin/blocks/{id}/end`.
pub(crate) async fn unblock(
    State(app): State<App>,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Response> {
    administrators_only(&form.who).map_err(IntoResponse::into_response)?;
    fresh::need(&app, &form.who, "/admin#blocks").await?;
    let gone = || PageError::NotFound.into_response();
    let id: i64 = id.parse().map_err(|_| gone())?;
    let unblocked = programs::unblock(&app, &form.who.principal, id).await;
    unblocked.map_err(|error| PageError::from(error).into_response())?;
    Ok(done("/admin#blocks", "client-unblocked"))
}
