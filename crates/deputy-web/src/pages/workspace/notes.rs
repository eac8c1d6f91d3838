//! `/notes`.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use deputy_workspace::{ListNotes, NewNote, Note, NoteChange};
use serde::Deserialize;

use super::{Number, Problem, actor, failed, next_page, problem, said, when};
use crate::App;
use crate::auth::{Form, SignedIn};
use crate::error::PageError;
use crate::form::Lenient;
use crate::pages::{done, render, shell, watch};
use crate::text::Text;
use crate::view::{Nav, Shell, Watch, When, visible};

/// Notes on a page.
const PAGE: u32 = 50;

/// What the list holds back.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub(crate) query: String,
    pub(crate) category: String,
    /// `open`, `done` or anything else for both.
    pub(crate) show: String,
    after: String,
    done: String,
}

impl Asked {
    pub(crate) fn filters(&self) -> bool {
        !(self.query.is_empty() && self.category.is_empty() && self.show.is_empty())
    }
}

pub(crate) struct NoteView {
    pub(crate) id: i64,
    pub(crate) content: String,
    pub(crate) category: Option<String>,
    pub(crate) completed: bool,
    pub(crate) made: Option<When>,
}

impl NoteView {
    fn new(note: &Note, watch: &Watch) -> Self {
        Self {
            id: note.id,
            content: visible(&note.content),
            category: note.category.as_deref().map(visible),
            completed: note.completed,
            made: when(&note.created_at, watch),
        }
    }
}

#[derive(Template)]
#[template(path = "workspace/notes.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) notes: Vec<NoteView>,
    pub(crate) categories: Vec<String>,
    pub(crate) asked: Asked,
    pub(crate) next: Option<String>,
    /// What was typed into the form for a new one, where it comes back.
    pub(crate) content: String,
    pub(crate) category: String,
    pub(crate) problem: Option<Problem>,
}

#[derive(Template)]
#[template(path = "workspace/note.html")]
pub(crate) struct OnePage {
    pub(crate) shell: Shell,
    pub(crate) id: i64,
    pub(crate) content: String,
    pub(crate) category: String,
    pub(crate) categories: Vec<String>,
    pub(crate) problem: Option<Problem>,
}

async fn page(
    app: &App,
    who: &SignedIn,
    asked: Asked,
    typed: (String, String),
    problem: Option<Problem>,
) -> Result<Response, PageError> {
    let user = who.principal.user_id;
    let which = ListNotes {
        completed: match asked.show.as_str() {
            "open" => Some(false),
            "done" => Some(true),
            _ => None,
        },
        category: said(&asked.category),
        query: said(&asked.query),
        max_results: Some(PAGE),
        page_token: said(&asked.after),
    };
    let found = app.workspace.notes(user, &which).await;
    // An address that was cut or mistyped still leads to the page.
    let found = match found {
        Err(deputy_workspace::Error::Invalid { .. }) => {
            app.workspace.notes(user, &ListNotes::default()).await
        }
        other => other,
    };
    let found = found.map_err(|error| failed(&error))?;
    let categories = app.workspace.note_categories(user).await;
    let watch = watch(app, who);
    let filters = [
        ("query", asked.query.as_str()),
        ("category", asked.category.as_str()),
        ("show", asked.show.as_str()),
    ];
    let flash = crate::view::Flash::named(&asked.done);
    let notes = found.notes.iter();
    render(&Page {
        shell: shell(app, who, Nav::Notes, flash).await?,
        next: next_page("/notes", &filters, found.next_page_token.as_deref()),
        notes: notes.map(|note| NoteView::new(note, &watch)).collect(),
        categories: categories.map_err(|error| failed(&error))?,
        asked,
        content: typed.0,
        category: typed.1,
        problem,
    })
}

/// `GET /notes`.
pub(crate) async fn list(
    State(app): State<App>,
    who: SignedIn,
    Lenient(asked): Lenient<Asked>,
) -> Result<Response, PageError> {
    page(&app, &who, asked, Default::default(), None).await
}

/// `POST /notes`.
pub(crate) async fn create(State(app): State<App>, form: Form) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let (content, category) = (fields.get("content"), fields.get("category"));
    let new = NewNote {
        content: content.to_owned(),
        category: said(category),
    };
    match app.workspace.create_note(&actor(&who), new).await {
        Ok(_) => Ok(done("/notes", "saved")),
        Err(error) => {
            let problem = problem(&error, Text::new(who.user.language))?;
            let typed = (content.to_owned(), category.to_owned());
            page(&app, &who, Asked::default(), typed, Some(problem)).await
        }
    }
}

async fn one_page(
    app: &App,
    who: &SignedIn,
    id: i64,
    typed: (String, String),
    problem: Option<Problem>,
) -> Result<Response, PageError> {
    let categories = app.workspace.note_categories(who.principal.user_id).await;
    render(&OnePage {
        shell: shell(app, who, Nav::Notes, None).await?,
        id,
        content: typed.0,
        category: typed.1,
        categories: categories.map_err(|error| failed(&error))?,
        problem,
    })
}

/// `GET /notes/{id}`.
pub(crate) async fn one(
    State(app): State<App>,
    who: SignedIn,
    Path(Number(id)): Path<Number>,
) -> Result<Response, PageError> {
    let note = app.workspace.note(who.principal.user_id, id).await;
    let note = note.map_err(|error| failed(&error))?;
    let typed = (note.content, note.category.unwrap_or_default());
    one_page(&app, &who, id, typed, None).await
}

/// `POST /notes/{id}`.
pub(crate) async fn change(
    State(app): State<App>,
    Path(Number(id)): Path<Number>,
    form: Form,
) -> Result<Response, PageError> {
    let Form { who, fields } = form;
    let typed = (
        fields.get("content").to_owned(),
        fields.get("category").to_owned(),
    );
    let new = NoteChange {
        content: Some(typed.0.clone()),
        category: Some(typed.1.clone()),
        completed: None,
    };
    match app.workspace.update_note(&actor(&who), id, new).await {
        Ok(_) => Ok(done("/notes", "saved")),
        Err(error @ deputy_workspace::Error::NotFound(_)) => Err(failed(&error)),
        Err(error) => {
            let problem = problem(&error, Text::new(who.user.language))?;
            one_page(&app, &who, id, typed, Some(problem)).await
        }
    }
}

/// `POST /notes/{id}/completed`.
pub(crate) async fn complete(
    State(app): State<App>,
    Path(Number(id)): Path<Number>,
    form: Form,
) -> Result<Response, PageError> {
    let new = NoteChange {
        completed: Some(form.fields.get("completed") == "true"),
        ..NoteChange::default()
    };
    let changed = app.workspace.update_note(&actor(&form.who), id, new).await;
    changed.map_err(|error| failed(&error))?;
    Ok(done("/notes", "saved"))
}

/// `POST /notes/{id}/delete`.
pub(crate) async fn delete(
    State(app): State<App>,
    Path(Number(id)): Path<Number>,
    form: Form,
) -> Result<Response, PageError> {
    let deleted = app.workspace.delete_note(&actor(&form.who), id).await;
    deleted.map_err(|error| failed(&error))?;
    Ok(done("/notes", "deleted"))
}
