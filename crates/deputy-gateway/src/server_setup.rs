//! Guided setups: the questions of a template, asked one at a time, kept between the answers.
//!
//! The pages, REST and the bot share these; what is asked and what is accepted is [`deputy_templates::setup`]. Here is
//! what lasts: a row for each setup, its answers sealed, for a day. So it survives a restart, and another replica can
//! take the next answer.

use std::sync::Arc;

use deputy_core::id::uuid_v7;
use deputy_core::{Clock, Language, Rng, Secret, UserId};
use deputy_store::Store;
use deputy_store::server_setup::ServerSetup;
use deputy_templates::setup::{Finished, NAME, Next, Question, Setup};
use deputy_templates::{Fault, Kind, Problem, Registry, Rules, Template};
use deputy_vault::{Place, Vault};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// How long a setup waits for its person, from its beginning.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// Most setups of one person; the oldest goes when another begins.
pub const MAX_SETUPS: u64 = 5;

/// What is allowed to a person on this machine, for the checks of answers.
pub type RulesOf = Arc<dyn Fn(UserId) -> Rules + Send + Sync>;

/// Guided setups of servers. Cheap to clone.
#[derive(Clone)]
pub struct Setups {
    parts: Arc<Parts>,
}

/// What setups are made of.
pub struct Parts {
    /// Where they are kept.
    pub store: Store,
    /// Seals the answers.
    pub vault: Vault,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// The templates.
    pub templates: Arc<Registry>,
    /// What is allowed to whom.
    pub rules: RulesOf,
}

/// Why a setup can't go on. Texts are for the person.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SetupError {
    /// This person has no such setup, or it lapsed.
    #[error("there is no such setup; it may have lapsed: begin anew")]
    NotFound,
    /// There is no such template.
    #[error("there is no server type of that name{}", near.as_ref().map(|near| format!("; did you mean '{near}'?")).unwrap_or_default())]
    UnknownType {
        /// The nearest that there is.
        near: Option<String>,
    },
    /// The answer is wrong; nothing was changed.
    #[error("{}", .0.message(Language::En))]
    Answer(Fault),
    /// Another answer came first; look at the setup again.
    #[error("this setup was answered elsewhere meanwhile; look at it again")]
    Conflict,
    /// Not everything was answered.
    #[error("there are questions left")]
    Unfinished,
    /// Something of ours failed; the log says what.
    #[error("an internal error; the server's log has the details")]
    Internal,
}

impl SetupError {
    /// The code on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "NOT_FOUND",
            Self::UnknownType { .. } | Self::Answer(_) => "VALIDATION_ERROR",
            Self::Conflict | Self::Unfinished => "CONFLICT",
            Self::Internal => "INTERNAL_ERROR",
        }
    }

    fn internal(error: &(dyn std::error::Error + 'static), doing: &'static str) -> Self {
        tracing::error!(error, doing, "a guided setup failed inside");
        Self::Internal
    }
}

impl From<deputy_store::Error> for SetupError {
    fn from(error: deputy_store::Error) -> Self {
        Self::internal(&error, "using the database")
    }
}

/// A setup as its person sees it: what comes next. Never a secret.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SetupView {
    /// Which.
    pub id: Uuid,
    /// The template it is for.
    pub server_type: String,
    /// What the template is called, in the person's language.
    pub title: String,
    /// How a person gets what is asked for, as Markdown, in the person's language.
    pub instructions: String,
    /// The next question; none when everything was answered.
    pub question: Option<QuestionView>,
    /// What was answered, when everything was: to be looked over and finished.
    pub summary: Option<SummaryView>,
    /// When it lapses.
    pub expires_at: Timestamp,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuestionView {
    /// `server_name`, or the name of the property.
    pub key: String,
    /// What it is called.
    pub title: String,
    /// What to answer; may be empty.
    pub help: String,
    /// What kind of value it is: `text`, `token`, `folder`, …
    pub kind: Kind,
    /// JSON Schema of the answer.
    pub schema: Value,
    /// Whether it is a secret: not to be echoed, to be deleted from a chat.
    pub secret: bool,
    /// Whether it must be answered; `null` passes over the others.
    pub required: bool,
    /// What an empty answer stands for.
    pub default: Option<Value>,
    /// Values that show what is meant.
    pub examples: Vec<Value>,
    /// The values to choose from, if it is a choice.
    pub choices: Option<Vec<Value>>,
    /// What they are called, in their order, in the person's language.
    pub choice_titles: Option<Vec<String>>,
    /// What was answered before, after a step back; never a secret.
    pub answered: Option<Value>,
    /// Whether there is an answer from before, a secret one too.
    pub is_answered: bool,
    /// Which question this is, from 1.
    pub number: usize,
    /// How many there are, as far as can be told now.
    pub of: usize,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SummaryView {
    /// The server's name.
    pub server_name: String,
    /// The answers.
    pub answers: Vec<AnswerView>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnswerView {
    /// What it is called.
    pub title: String,
    /// Its value as text; none for a secret.
    pub value: Option<String>,
}

/// A setup that was read and opened.
struct Opened {
    row: ServerSetup,
    setup: Setup,
    template: Arc<Template>,
}

impl Setups {
    /// Setups over a database.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    /// Begins a setup for a kind of server.
    pub async fn begin(
        &self,
        user: UserId,
        server_type: &str,
        language: Language,
    ) -> Result<SetupView, SetupError> {
        let parts = &self.parts;
        let template = self.template(server_type)?;
        let setup = Setup::begin(&template);
        let id = uuid_v7(&*parts.clock, &*parts.rng);
        let state = self.seal(user, id, &setup).await?;
        let now = parts.clock.now();
        let row = ServerSetup {
            id,
            server_type: server_type.to_owned(),
            state,
            version: 1,
            created_at: now,
            expires_at: now + LIFETIME,
        };
        let tx = parts.store.begin().await?;
        tx.user(user)
            .server_setup_add(row.clone(), MAX_SETUPS)
            .await?;
        tx.commit().await?;
        Ok(view(
            &Opened {
                row,
                setup,
                template,
            },
            language,
        ))
    }

    /// What comes next in a setup.
    pub async fn get(
        &self,
        user: UserId,
        id: Uuid,
        language: Language,
    ) -> Result<SetupView, SetupError> {
        Ok(view(&self.open(user, id).await?, language))
    }

    /// Answers the question that comes next. A wrong answer changes nothing.
    ///
    /// `null` and `""` pass over a question that needn't be answered, or take its default. A form's texts are read as
    /// what the question asks for: lines as a list, `NAME=value` lines as variables.
    pub async fn answer(
        &self,
        user: UserId,
        id: Uuid,
        value: &Value,
        language: Language,
    ) -> Result<SetupView, SetupError> {
        let mut opened = self.open(user, id).await?;
        if let Next::Question(question) = opened.setup.next(&opened.template, language)
            && question.key == NAME
            && let Some(problem) = self.name_problem(user, value).await?
        {
            return Err(SetupError::Answer(Fault {
                field: format!("/{NAME}"),
                problem,
                hint: None,
            }));
        }
        let rules = (self.parts.rules)(user);
        opened
            .setup
            .answer(&opened.template, value, &rules)
            .map_err(SetupError::Answer)?;
        self.save(user, opened, language).await
    }

    /// One question back.
    pub async fn back(
        &self,
        user: UserId,
        id: Uuid,
        language: Language,
    ) -> Result<SetupView, SetupError> {
        let mut opened = self.open(user, id).await?;
        opened.setup.back(&opened.template);
        self.save(user, opened, language).await
    }

    /// Drops a setup and what was answered.
    pub async fn cancel(&self, user: UserId, id: Uuid) -> Result<(), SetupError> {
        let tx = self.parts.store.begin().await?;
        let gone = tx.user(user).server_setup_delete(id).await?;
        tx.commit().await?;
        if gone {
            Ok(())
        } else {
            Err(SetupError::NotFound)
        }
    }

    /// The server that was set up, to be created; the setup stays until [`Self::cancel`], so that a server that could
    /// not be created can be mended by a step back.
    pub async fn finished(&self, user: UserId, id: Uuid) -> Result<Finished, SetupError> {
        let opened = self.open(user, id).await?;
        if !opened.setup.is_complete() {
            return Err(SetupError::Unfinished);
        }
        let rules = (self.parts.rules)(user);
        opened
            .setup
            .finish(&opened.template, &rules)
            .map_err(|faults| {
                faults
                    .into_iter()
                    .next()
                    .map_or(SetupError::Unfinished, SetupError::Answer)
            })
    }

    /// What is wrong with a name that only the database and Deputy's own names tell.
    async fn name_problem(
        &self,
        user: UserId,
        value: &Value,
    ) -> Result<Option<Problem>, SetupError> {
        const RESERVED: [&str; 6] = [
            "calendar",
            "gmail",
            "drive",
            "google",
            "deputy",
            "workspace",
        ];
        let Some(name) = value.as_str().map(str::trim) else {
            return Ok(None);
        };
        if RESERVED.contains(&name) {
            return Ok(Some(Problem::ServerNameReserved));
        }
        let taken = self
            .parts
            .store
            .user(user)
            .own_server(name)
            .await?
            .is_some();
        Ok(taken.then_some(Problem::ServerNameTaken))
    }

    fn template(&self, server_type: &str) -> Result<Arc<Template>, SetupError> {
        let templates = &self.parts.templates;
        templates
            .get(server_type)
            .cloned()
            .ok_or_else(|| SetupError::UnknownType {
                near: templates.nearest(server_type).map(ToOwned::to_owned),
            })
    }

    async fn open(&self, user: UserId, id: Uuid) -> Result<Opened, SetupError> {
        let parts = &self.parts;
        let row = parts
            .store
            .user(user)
            .server_setup(id, parts.clock.now())
            .await?
            .ok_or(SetupError::NotFound)?;
        let text = parts
            .vault
            .open_text(&place(user, &id.to_string()), &row.state)
            .await
            .map_err(|e| SetupError::internal(&e, "opening a setup"))?;
        let setup =
            Setup::from_text(&text).map_err(|e| SetupError::internal(&e, "reading a setup"))?;
        let template = self.template(&row.server_type)?;
        Ok(Opened {
            row,
            setup,
            template,
        })
    }

    async fn save(
        &self,
        user: UserId,
        opened: Opened,
        language: Language,
    ) -> Result<SetupView, SetupError> {
        let state = self.seal(user, opened.row.id, &opened.setup).await?;
        let tx = self.parts.store.begin().await?;
        let saved = tx
            .user(user)
            .server_setup_save(opened.row.id, opened.row.version, state)
            .await?;
        tx.commit().await?;
        if saved {
            Ok(view(&opened, language))
        } else {
            Err(SetupError::Conflict)
        }
    }

    async fn seal(&self, user: UserId, id: Uuid, setup: &Setup) -> Result<Vec<u8>, SetupError> {
        let text: Secret<String> = setup.to_text();
        self.parts
            .vault
            .seal(&place(user, &id.to_string()), text.expose().as_bytes())
            .await
            .map_err(|e| SetupError::internal(&e, "sealing a setup"))
    }
}

fn place(user: UserId, id: &str) -> Place<'_> {
    Place::of_user(user, "server_setups", id, "state", "setup")
}

fn view(opened: &Opened, language: Language) -> SetupView {
    let template = &opened.template;
    let (question, summary) = match opened.setup.next(template, language) {
        Next::Question(question) => (Some(question_view(*question)), None),
        Next::Summary(summary) => (
            None,
            Some(SummaryView {
                server_name: summary.name,
                answers: summary
                    .answers
                    .into_iter()
                    .map(|(title, value)| AnswerView { title, value })
                    .collect(),
            }),
        ),
    };
    SetupView {
        id: opened.row.id,
        server_type: template.server_type.clone(),
        title: template.title.get(language).to_owned(),
        instructions: template.setup.get(language).to_owned(),
        question,
        summary,
        expires_at: opened.row.expires_at,
    }
}

fn question_view(question: Question) -> QuestionView {
    QuestionView {
        key: question.key,
        title: question.title,
        help: question.help,
        kind: question.kind,
        schema: question.schema,
        secret: question.secret,
        required: question.required,
        default: question.default,
        examples: question.examples,
        choices: question.choices,
        choice_titles: question.choice_titles,
        answered: question.answered,
        is_answered: question.is_answered,
        number: question.number,
        of: question.of,
    }
}

#[cfg(test)]
mod tests;
