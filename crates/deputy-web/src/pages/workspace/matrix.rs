//! `/projects/{project}/matrix`: what each requirement of a project is to the others.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use deputy_workspace::{LinkKind, MatrixRow};

use super::projects::{ProjectView, status_key, tone};
use super::{Number, failed};
use crate::App;
use crate::auth::SignedIn;
use crate::error::PageError;
use crate::pages::{render, shell};
use crate::view::{Nav, Shell, visible};

/// Most requirements that are drawn as a grid; more are listed alone.
const GRID: usize = 40;

pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) title: String,
    pub(crate) status_key: String,
    pub(crate) tone: &'static str,
    /// What it is to which others, and they to it: the key of the text, and their keys.
    pub(crate) sides: Vec<(&'static str, Vec<String>)>,
    /// A cell for each column of the grid: marks of links.
    pub(crate) cells: Vec<Vec<Mark>>,
}

/// A link in a cell of the grid.
pub(crate) struct Mark {
    /// The letter.
    pub(crate) short: &'static str,
    /// The key of the text that it stands for.
    pub(crate) key: &'static str,
}

#[derive(Template)]
#[template(path = "workspace/matrix.html")]
pub(crate) struct Page {
    pub(crate) shell: Shell,
    pub(crate) project: ProjectView,
    pub(crate) rows: Vec<Row>,
    pub(crate) is_grid: bool,
}

fn mark(kind: LinkKind) -> Mark {
    match kind {
        LinkKind::Refines => Mark {
            short: "R",
            key: "link-refines",
        },
        LinkKind::DependsOn => Mark {
            short: "D",
            key: "link-depends-on",
        },
        LinkKind::Verifies => Mark {
            short: "V",
            key: "link-verifies",
        },
    }
}

fn row(row: &MatrixRow, columns: &[String]) -> Row {
    let sides = [
        ("link-refines", &row.refines),
        ("link-refined-by", &row.refined_by),
        ("link-depends-on", &row.depends_on),
        ("link-needed-by", &row.needed_by),
        ("link-verifies", &row.verifies),
        ("link-verified-by", &row.verified_by),
    ];
    let cell = |column: &String| row.kinds_to(column).into_iter().map(mark).collect();
    Row {
        key: row.key.clone(),
        title: visible(&row.title),
        status_key: status_key(row.status),
        tone: tone(row.status),
        sides: sides
            .into_iter()
            .filter(|(_, keys)| !keys.is_empty())
            .map(|(name, keys)| (name, keys.clone()))
            .collect(),
        cells: columns.iter().map(cell).collect(),
    }
}

/// `GET /projects/{project}/matrix`.
pub(crate) async fn show(
    State(app): State<App>,
    who: SignedIn,
    Path(Number(id)): Path<Number>,
) -> Result<Response, PageError> {
    let user = who.principal.user_id;
    let matrix = app.workspace.matrix(user, &id.to_string()).await;
    let matrix = matrix.map_err(|error| failed(&error))?;
    let is_grid = matrix.rows.len() <= GRID;
    let columns: Vec<String> = if is_grid {
        matrix.rows.iter().map(|row| row.key.clone()).collect()
    } else {
        Vec::new()
    };
    render(&Page {
        shell: shell(&app, &who, Nav::Projects, None).await?,
        project: matrix.project.into(),
        rows: matrix.rows.iter().map(|r| row(r, &columns)).collect(),
        is_grid,
    })
}
