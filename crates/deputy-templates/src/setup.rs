//! Guided setup: the questions of a template, one at a time.
//!
//! The bot and the pages ask the same questions, a day may lie between two answers, and Deputy may be restarted
//! meanwhile. So the state is a value that can be stored (sealed: it has secrets in it), and every step is a function
//! of it: nothing here waits or remembers.
//!
//! ```text
//! name → each property that applies, in the template's order → summary → finish
//! ```
//!
//! Each answer is checked when it is given, with the same checks as the whole configuration at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use deputy_core::{Language, Secret};
use serde_json::{Map, Value, json};

use crate::check::{Accepted, is_given};
use crate::faults::{Fault, Problem};
use crate::field::{Field, Kind};
use crate::rules::Rules;
use crate::template::Template;

/// The key of the question for the server's name.
pub const NAME: &str = "server_name";

/// Longest name of a server.
const MAX_NAME: usize = 32;

/// Where a setup stands.
#[derive(Clone, PartialEq)]
pub struct Setup {
    server_type: String,
    step: Step,
    name: Option<String>,
    /// What was answered, secrets aside.
    config: Map<String, Value>,
    /// What was answered in secret; a member of variables is `PROPERTY/NAME`.
    secrets: BTreeMap<String, Hidden>,
}

#[derive(Clone)]
struct Hidden(Secret<String>);

impl PartialEq for Hidden {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name,
    Field(String),
    Summary,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("server_type", &self.server_type)
            .field("step", &self.step)
            .field("name", &self.name)
            .field("config", &self.config)
            .field("secrets", &self.secrets.keys())
            .finish()
    }
}

/// What is asked next.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// [`NAME`], or the name of a property.
    pub key: String,
    /// What it is called, for people.
    pub title: String,
    /// What to answer, for people; may be empty.
    pub help: String,
    /// What kind of value it is.
    pub kind: Kind,
    /// The subschema of the answer.
    pub schema: Value,
    /// Whether it is a secret: not to be shown again, to be deleted from a chat.
    pub secret: bool,
    /// Whether it must be answered; `null` passes over the others.
    pub required: bool,
    /// What an empty answer stands for.
    pub default: Option<Value>,
    /// Values that show what is meant.
    pub examples: Vec<Value>,
    /// The values that can be chosen from, if it is a choice.
    pub choices: Option<Vec<Value>>,
    /// What they are called, for people, in their order.
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

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// A question.
    Question(Box<Question>),
    /// All is answered: what was, to be looked over.
    Summary(Summary),
}

/// What was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The server's name.
    pub name: String,
    /// Each property that was answered: its title and its value as text; a secret has none.
    pub answers: Vec<(String, Option<String>)>,
}

/// A server to be, from a setup that was gone through. Its configuration has secrets in it, so it can't be printed.
#[derive(Clone)]
pub struct Finished {
    /// Its name.
    pub name: String,
    /// Its template.
    pub server_type: String,
    /// Its configuration, secrets among it: what [`Template::check`] takes.
    pub config: Value,
}

/// A stored state that can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored setup can't be read")]
pub struct Unreadable;

impl Setup {
    /// Begins with the first question.
    pub fn begin(template: &Template) -> Self {
        Self {
            server_type: template.server_type.clone(),
            step: Step::Name,
            name: None,
            config: Map::new(),
            secrets: BTreeMap::new(),
        }
    }

    /// The template it is for.
    pub fn server_type(&self) -> &str {
        &self.server_type
    }

    /// The name that was answered.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether everything was answered.
    pub fn is_complete(&self) -> bool {
        self.step == Step::Summary
    }

    /// What comes next. A template that was changed meanwhile may ask what it didn't before.
    pub fn next(&self, template: &Template, language: Language) -> Next {
        match &self.step {
            Step::Summary if self.first_open(template).is_none() => {
                Next::Summary(self.summary(template, language))
            }
            Step::Name => Next::Question(Box::new(self.name_question(template, language))),
            Step::Field(name) => match self.applying(template).find(|field| field.name == *name) {
                Some(field) => Next::Question(Box::new(self.question(template, field, language))),
                None => self.skip(template, language),
            },
            Step::Summary => self.skip(template, language),
        }
    }

    fn skip(&self, template: &Template, language: Language) -> Next {
        match self.first_open(template) {
            Some(field) => Next::Question(Box::new(self.question(template, field, language))),
            None => Next::Summary(self.summary(template, language)),
        }
    }

    /// Takes the answer to the question that [`Self::next`] gave. A wrong one changes nothing.
    pub fn answer(
        &mut self,
        template: &Template,
        value: &Value,
        rules: &Rules,
    ) -> Result<(), Fault> {
        let asked = match self.next(template, Language::En) {
            Next::Summary(_) => return Ok(()),
            Next::Question(question) => question.key,
        };
        if asked == NAME {
            self.name =
                Some(check_name(value).map_err(|problem| Fault::new(format!("/{NAME}"), problem))?);
        } else if let Some(field) = template.field(&asked) {
            self.take(template, field, value, rules)?;
        }
        self.prune(template);
        self.step = self.after(template, &asked);
        Ok(())
    }

    fn take(
        &mut self,
        template: &Template,
        field: &Field,
        value: &Value,
        rules: &Rules,
    ) -> Result<(), Fault> {
        let given = Some(value).filter(|value| is_given(value));
        let Some(value) = given.or(field.default.as_ref()) else {
            if field.required {
                return Err(Fault::new(format!("/{}", field.name), Problem::Missing));
            }
            self.forget(&field.name);
            return Ok(());
        };
        let accepted = template.accept(field, value, &BTreeSet::new(), rules)?;
        self.forget(&field.name);
        match accepted {
            Accepted::Plain(value) => {
                self.config.insert(field.name.clone(), value);
            }
            Accepted::Secret(secret) => {
                self.secrets.insert(field.name.clone(), Hidden(secret));
            }
            Accepted::Variables(given, _) => {
                self.secrets.extend(
                    given
                        .into_iter()
                        .map(|(name, secret)| (format!("{}/{name}", field.name), Hidden(secret))),
                );
            }
        }
        Ok(())
    }

    /// One question back; stays at the first.
    pub fn back(&mut self, template: &Template) {
        let names: Vec<&str> = self
            .applying(template)
            .map(|field| field.name.as_str())
            .collect();
        let before = match &self.step {
            Step::Name => None,
            Step::Summary => names.last().copied(),
            Step::Field(name) => names
                .iter()
                .position(|known| known == name)
                .and_then(|at| at.checked_sub(1))
                .map(|at| names[at]),
        };
        self.step = before.map_or(Step::Name, |name| Step::Field(name.to_owned()));
    }

    /// The server to be, when everything was answered and is still right.
    pub fn finish(&self, template: &Template, rules: &Rules) -> Result<Finished, Vec<Fault>> {
        let Some(name) = &self.name else {
            return Err(vec![Fault::new(format!("/{NAME}"), Problem::Missing)]);
        };
        let mut config = self.config.clone();
        for (key, Hidden(secret)) in &self.secrets {
            let value = Value::String(secret.expose().clone());
            match key.split_once('/') {
                Some((property, member)) => {
                    if let Value::Object(members) = config
                        .entry(property.to_owned())
                        .or_insert_with(|| Value::Object(Map::new()))
                    {
                        members.insert(member.to_owned(), value);
                    }
                }
                None => {
                    config.insert(key.clone(), value);
                }
            }
        }
        let config = Value::Object(config);
        template.check(&config, &BTreeSet::new(), rules)?;
        Ok(Finished {
            name: name.clone(),
            server_type: self.server_type.clone(),
            config,
        })
    }

    /// The state as text, secrets among it: to be sealed, never to be stored or logged as it is.
    pub fn to_text(&self) -> Secret<String> {
        let secrets: Map<String, Value> = self
            .secrets
            .iter()
            .map(|(key, Hidden(secret))| (key.clone(), Value::String(secret.expose().clone())))
            .collect();
        let step = match &self.step {
            Step::Name => json!("name"),
            Step::Field(name) => json!({ "field": name }),
            Step::Summary => json!("summary"),
        };
        Secret::new(
            json!({
                "server_type": self.server_type,
                "step": step,
                "name": self.name,
                "config": self.config,
                "secrets": secrets,
            })
            .to_string(),
        )
    }

    /// Reads a state back.
    pub fn from_text(text: &Secret<String>) -> Result<Self, Unreadable> {
        let Ok(Value::Object(mut state)) = serde_json::from_str(text.expose()) else {
            return Err(Unreadable);
        };
        let step = match state.remove("step") {
            Some(Value::String(word)) if word == "name" => Step::Name,
            Some(Value::String(word)) if word == "summary" => Step::Summary,
            Some(Value::Object(mut step)) => match step.remove("field") {
                Some(Value::String(name)) => Step::Field(name),
                _ => return Err(Unreadable),
            },
            _ => return Err(Unreadable),
        };
        let (
            Some(Value::String(server_type)),
            Some(Value::Object(config)),
            Some(Value::Object(secrets)),
        ) = (
            state.remove("server_type"),
            state.remove("config"),
            state.remove("secrets"),
        )
        else {
            return Err(Unreadable);
        };
        Ok(Self {
            server_type,
            step,
            name: state
                .remove("name")
                .and_then(|name| name.as_str().map(ToOwned::to_owned)),
            config,
            secrets: secrets
                .into_iter()
                .filter_map(|(key, value)| match value {
                    Value::String(secret) => Some((key, Hidden(Secret::new(secret)))),
                    _ => None,
                })
                .collect(),
        })
    }

    fn applying<'a>(&'a self, template: &'a Template) -> impl Iterator<Item = &'a Field> {
        template
            .fields
            .iter()
            .filter(|field| field.applies(&self.config))
    }

    fn has(&self, name: &str) -> bool {
        let of_map = format!("{name}/");
        self.config.contains_key(name)
            || self.secrets.contains_key(name)
            || self.secrets.keys().any(|key| key.starts_with(&of_map))
    }

    fn forget(&mut self, name: &str) {
        let of_map = format!("{name}/");
        self.config.remove(name);
        self.secrets
            .retain(|key, _| key != name && !key.starts_with(&of_map));
    }

    /// Forgets answers to questions that are no longer asked.
    fn prune(&mut self, template: &Template) {
        loop {
            let applying: BTreeSet<&str> = self
                .applying(template)
                .map(|field| field.name.as_str())
                .collect();
            let idle = self
                .config
                .keys()
                .map(String::as_str)
                .chain(
                    self.secrets
                        .keys()
                        .map(|key| key.split_once('/').map_or(key.as_str(), |(name, _)| name)),
                )
                .find(|name| !applying.contains(name))
                .map(ToOwned::to_owned);
            match idle {
                Some(name) => self.forget(&name),
                None => return,
            }
        }
    }

    /// The first question that must be answered and isn't.
    fn first_open<'a>(&'a self, template: &'a Template) -> Option<&'a Field> {
        self.applying(template)
            .find(|field| field.required && !self.has(&field.name))
    }

    fn after(&self, template: &Template, key: &str) -> Step {
        let mut names = self.applying(template).map(|field| &field.name);
        let next = if key == NAME {
            names.next()
        } else {
            names.skip_while(|name| *name != key).nth(1)
        };
        next.map_or(Step::Summary, |name| Step::Field(name.clone()))
    }

    fn name_question(&self, template: &Template, language: Language) -> Question {
        let (title, help) = match language {
            Language::En => (
                "Name",
                "A short name of your own for it: small Latin letters, digits and \"-\", beginning with a letter.",
            ),
            Language::Ru => (
                "Имя",
                "Короткое имя для сервера: строчные латинские буквы, цифры и «-», первой — буква.",
            ),
            Language::Uk => (
                "Ім'я",
                "Коротке ім'я для сервера: малі латинські літери, цифри та «-», першою — літера.",
            ),
        };
        Question {
            key: NAME.to_owned(),
            title: title.to_owned(),
            help: help.to_owned(),
            kind: Kind::Text,
            schema: json!({"type": "string", "pattern": "^[a-z][a-z0-9-]{0,31}$"}),
            secret: false,
            required: true,
            default: None,
            examples: vec![json!(template.server_type)],
            choices: None,
            choice_titles: None,
            answered: self.name.clone().map(Value::String),
            is_answered: self.name.is_some(),
            number: 1,
            of: 1 + self.applying(template).count(),
        }
    }

    fn question(&self, template: &Template, field: &Field, language: Language) -> Question {
        let before = self
            .applying(template)
            .take_while(|other| other.name != field.name)
            .count();
        let mut help = field
            .description
            .as_ref()
            .map(|text| text.get(language).to_owned())
            .unwrap_or_default();
        if let Some(hint) = &field.hint {
            if !help.is_empty() {
                help.push(' ');
            }
            help.push_str(hint.get(language));
        }
        Question {
            key: field.name.clone(),
            title: field.title.get(language).to_owned(),
            help,
            kind: field.kind,
            schema: field.schema.clone(),
            secret: field.secret,
            required: field.required && field.default.is_none(),
            default: field.default.clone(),
            examples: field.examples.clone(),
            choices: field.choices().cloned(),
            choice_titles: field.choices().map(|choices| {
                let said = choices.iter().map(|choice| field.said(choice, language));
                said.collect()
            }),
            answered: self.config.get(&field.name).cloned(),
            is_answered: self.has(&field.name),
            number: 2 + before,
            of: 1 + self.applying(template).count(),
        }
    }

    fn summary(&self, template: &Template, language: Language) -> Summary {
        Summary {
            name: self.name.clone().unwrap_or_default(),
            answers: self
                .applying(template)
                .filter(|field| self.has(&field.name))
                .map(|field| {
                    let value = self.config.get(&field.name);
                    let shown = value.map(|value| field.said(value, language));
                    (field.title.get(language).to_owned(), shown)
                })
                .collect(),
        }
    }
}

/// Whether a server can be called that: `[a-z][a-z0-9-]{0,31}`. Names of Deputy's own and names that are taken are for
/// the caller to refuse.
fn check_name(value: &Value) -> Result<String, Problem> {
    let Some(name) = value.as_str().map(str::trim) else {
        return Err(if value.is_null() {
            Problem::Missing
        } else {
            Problem::Type("string")
        });
    };
    if name.is_empty() {
        return Err(Problem::Missing);
    }
    let right = name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if right {
        Ok(name.to_owned())
    } else {
        Err(Problem::ServerName)
    }
}
