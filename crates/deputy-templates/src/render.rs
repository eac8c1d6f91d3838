//! What is started, or where it is reached: a template with its placeholders filled in.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use deputy_core::Secret;
use serde_json::{Map, Value};
use url::Url;

use crate::check;
use crate::faults::Problem;
use crate::fetching;
use crate::field::Kind;
use crate::pattern::{Part, Pattern};
use crate::postgres;
use crate::rules::Rules;
use crate::template::{Http, Network, Prepare, Stdio, Template, Transport};

/// A server of one person, ready to be started or reached.
#[derive(Clone, Debug)]
pub enum Definition {
    /// A process.
    Process(ProcessDefinition),
    /// Streamable HTTP.
    Http(HttpDefinition),
}

/// A process.
#[derive(Clone, Debug)]
pub struct ProcessDefinition {
    /// The program; looked up in `PATH` if it is a bare name.
    pub program: String,
    /// Its arguments. No secret is among them.
    pub args: Vec<String>,
    /// Variables of its environment.
    pub env: Vec<(String, Text)>,
    /// Folders that it may write.
    pub folders: Vec<PathBuf>,
    /// Whether it has the network.
    pub network: Network,
    /// What is run before it, with the network.
    pub prepare: Option<Prepare>,
}

/// Streamable HTTP.
#[derive(Clone)]
pub struct HttpDefinition {
    /// Where it is.
    pub url: Url,
    /// Headers of every request.
    pub headers: Vec<(String, Secret<String>)>,
    /// How its requests are authorized, beside the headers.
    pub auth: Auth,
}

impl fmt::Debug for HttpDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("HttpDefinition")
            .field("url", &self.url.as_str())
            .field("headers", &names)
            .field("auth", &self.auth)
            .finish()
    }
}

/// How requests to a remote server are authorized.
#[derive(Clone)]
pub enum Auth {
    /// By the headers, or not at all.
    None,
    /// By a token that is got with the person's consent.
    OAuth {
        /// The scopes that are asked for; what the server's metadata say, if empty.
        scopes: Vec<String>,
        /// A client that is registered already.
        client_id: Option<String>,
        /// Its secret.
        client_secret: Option<Secret<String>>,
    },
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::OAuth {
                scopes, client_id, ..
            } => f
                .debug_struct("OAuth")
                .field("scopes", scopes)
                .field("client_id", client_id)
                .finish_non_exhaustive(),
        }
    }
}

/// The value of a variable.
#[derive(Clone)]
pub enum Text {
    /// One that may be seen.
    Plain(String),
    /// One that may not.
    Secret(Secret<String>),
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => write!(f, "{text:?}"),
            Self::Secret(_) => f.write_str("Secret"),
        }
    }
}

/// Why a stored configuration makes no definition. Not before something changed since it was checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A required value isn't there: the template was changed, or the secret is gone.
    #[error("the setting \"{0}\" is missing: edit the server")]
    Missing(String),
    /// A value is no longer accepted: a folder is gone, a command isn't allowed any more.
    #[error("the setting \"{field}\" is not accepted any more: {}", problem.message(deputy_core::Language::En))]
    Refused {
        /// The property.
        field: String,
        /// Why.
        problem: Problem,
    },
    /// The server acts with the person's Google account, which isn't connected.
    #[error("connect Google first")]
    GoogleNotConnected,
    /// The server keeps something, and there is no folder for it.
    #[error("there is no folder for what the server keeps")]
    NoDataFolder,
}

#[derive(Clone, Copy)]
struct Values<'a> {
    template: &'a Template,
    config: &'a Map<String, Value>,
    secrets: &'a BTreeMap<String, Secret<String>>,
    google: Option<&'a Secret<String>>,
    rules: &'a Rules,
}

impl Template {
    /// Whether it needs the person's access token at Google.
    pub fn needs_google(&self) -> bool {
        crate::file::patterns(&self.transport)
            .iter()
            .any(|(_, pattern)| pattern.parts().contains(&Part::GoogleToken))
    }

    /// Fills in a checked configuration. What the machine's rules say is asked again, since they and the folders may
    /// have changed after the configuration was stored.
    pub fn render(
        &self,
        config: &Map<String, Value>,
        secrets: &BTreeMap<String, Secret<String>>,
        google_token: Option<&Secret<String>>,
        rules: &Rules,
    ) -> Result<Definition, RenderError> {
        let values = Values {
            template: self,
            config,
            secrets,
            google: google_token,
            rules,
        };
        values.all_there()?;
        match &self.transport {
            Transport::Stdio(stdio) => values.process(stdio).map(Definition::Process),
            Transport::Http(http) => values.http(http).map(Definition::Http),
        }
    }
}

impl Values<'_> {
    fn all_there(&self) -> Result<(), RenderError> {
        for field in &self.template.fields {
            if !field.applies(self.config) {
                continue;
            }
            let there = if field.secret {
                field.kind.is_map() || self.secrets.contains_key(&field.name)
            } else {
                self.config.get(&field.name).is_some_and(check::is_given)
            };
            if field.required && !there {
                return Err(RenderError::Missing(field.name.clone()));
            }
        }
        Ok(())
    }

    fn process(&self, stdio: &Stdio) -> Result<ProcessDefinition, RenderError> {
        let program = self
            .fill(&stdio.program)?
            .ok_or_else(|| RenderError::Missing("command".to_owned()))?;
        let mut env = Vec::new();
        let secrets = self.without_passwords(stdio, &mut env)?;
        let for_arguments = Values {
            secrets: &secrets,
            ..*self
        };
        let mut args = Vec::new();
        for group in &stdio.args {
            args.extend(for_arguments.group(group)?.into_iter().flatten());
        }
        for (name, pattern) in &stdio.env {
            if let Some(text) = self.fill(pattern)? {
                env.retain(|(known, _)| known != name);
                env.push((
                    name.clone(),
                    if pattern.is_secret() {
                        Text::Secret(Secret::new(text))
                    } else {
                        Text::Plain(text)
                    },
                ));
            }
        }
        if let Some(from) = &stdio.env_from {
            for (key, secret) in self.secrets {
                if let Some(name) = key
                    .strip_prefix(from.as_str())
                    .and_then(|rest| rest.strip_prefix('/'))
                {
                    env.retain(|(known, _)| known != name);
                    env.push((name.to_owned(), Text::Secret(secret.clone())));
                }
            }
        }
        let mut folders = Vec::new();
        for name in &self.template.needs.folders {
            if let Some(text) = self.config.get(name).and_then(Value::as_str) {
                folders.push(check::folder(text, self.rules).map_err(|problem| {
                    RenderError::Refused {
                        field: name.clone(),
                        problem,
                    }
                })?);
            }
        }
        if self.template.needs.data {
            folders.push(self.rules.data.clone().ok_or(RenderError::NoDataFolder)?);
        }
        let prepare = stdio
            .prepare
            .clone()
            .or_else(|| fetching::step(&program, &args));
        Ok(ProcessDefinition {
            program,
            args,
            env,
            folders,
            network: self.template.needs.network,
            prepare,
        })
    }

    /// What arguments may have of secrets: connection strings without their passwords, which go into the environment.
    fn without_passwords(
        &self,
        stdio: &Stdio,
        env: &mut Vec<(String, Text)>,
    ) -> Result<BTreeMap<String, Secret<String>>, RenderError> {
        let mut may = BTreeMap::new();
        for part in stdio.args.iter().flatten().flat_map(Pattern::parts) {
            let Part::Input(name) = part else { continue };
            let Some(secret) = self.secrets.get(name).filter(|_| self.applies(name)) else {
                continue;
            };
            let (url, password) =
                postgres::divided(secret.expose()).ok_or_else(|| RenderError::Refused {
                    field: name.clone(),
                    problem: Problem::NotPostgres,
                })?;
            may.insert(name.clone(), Secret::new(url));
            if let Some(password) = password {
                env.retain(|(known, _)| known != postgres::PASSWORD);
                env.push((postgres::PASSWORD.to_owned(), Text::Secret(password)));
            }
        }
        Ok(may)
    }

    /// The arguments of a group; none of them if one of its values wasn't given.
    fn group(&self, group: &[Pattern]) -> Result<Option<Vec<String>>, RenderError> {
        let mut args = Vec::new();
        for pattern in group {
            let list = pattern
                .whole_config()
                .and_then(|name| self.config.get(name))
                .and_then(Value::as_array);
            if let Some(items) = list {
                args.extend(
                    items
                        .iter()
                        .filter_map(Value::as_str)
                        .map(ToOwned::to_owned),
                );
            } else if let Some(text) = self.fill(pattern)? {
                args.push(text);
            } else {
                return Ok(None);
            }
        }
        Ok(Some(args))
    }

    /// The text of a pattern, or nothing if one of its values wasn't given.
    fn fill(&self, pattern: &Pattern) -> Result<Option<String>, RenderError> {
        let mut text = String::new();
        for part in pattern.parts() {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Config(name) => match self.config(name)? {
                    Some(value) => text.push_str(&value),
                    None => return Ok(None),
                },
                Part::Input(name) => match self.secrets.get(name) {
                    Some(secret) if self.applies(name) => text.push_str(secret.expose()),
                    _ => return Ok(None),
                },
                Part::GoogleToken => match self.google {
                    Some(token) => text.push_str(token.expose()),
                    None => return Err(RenderError::GoogleNotConnected),
                },
                Part::Data => match self.rules.data.as_deref().and_then(|path| path.to_str()) {
                    Some(path) => text.push_str(path),
                    None => return Err(RenderError::NoDataFolder),
                },
            }
        }
        Ok(Some(text))
    }

    fn applies(&self, name: &str) -> bool {
        self.template
            .field(name)
            .is_none_or(|field| field.applies(self.config))
    }

    fn config(&self, name: &str) -> Result<Option<String>, RenderError> {
        let Some(value) = self.config.get(name).filter(|_| self.applies(name)) else {
            return Ok(None);
        };
        let text = match value {
            Value::Null => return Ok(None),
            Value::String(text) if text.is_empty() => return Ok(None),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let refused = |problem| RenderError::Refused {
            field: name.to_owned(),
            problem,
        };
        match self.template.field(name).map(|field| field.kind) {
            Some(Kind::Folder) => {
                let folder = check::folder(&text, self.rules).map_err(refused)?;
                Ok(Some(folder.display().to_string()))
            }
            Some(Kind::Command) if !self.rules.commands.allow(&text) => {
                Err(refused(Problem::Command))
            }
            _ => Ok(Some(text)),
        }
    }

    fn http(&self, http: &Http) -> Result<HttpDefinition, RenderError> {
        let url = self
            .fill(&http.url)?
            .ok_or_else(|| RenderError::Missing("url".to_owned()))?;
        let url = check::check_url(&url, self.rules).map_err(|problem| RenderError::Refused {
            field: "url".to_owned(),
            problem,
        })?;
        let mut headers = Vec::new();
        for header in &http.headers {
            if header
                .when
                .as_ref()
                .is_some_and(|when| !when.holds(self.config))
            {
                continue;
            }
            if let (Some(name), Some(value)) = (self.fill(&header.name)?, self.fill(&header.value)?)
            {
                headers.push((name, Secret::new(value)));
            }
        }
        let auth = match &http.oauth {
            Some(oauth)
                if oauth
                    .when
                    .as_ref()
                    .is_none_or(|when| when.holds(self.config)) =>
            {
                let filled = |pattern: &Option<Pattern>| match pattern {
                    Some(pattern) => self.fill(pattern),
                    None => Ok(None),
                };
                Auth::OAuth {
                    scopes: filled(&oauth.scopes)?
                        .unwrap_or_default()
                        .split_whitespace()
                        .map(ToOwned::to_owned)
                        .collect(),
                    client_id: filled(&oauth.client_id)?,
                    client_secret: filled(&oauth.client_secret)?.map(Secret::new),
                }
            }
            _ => Auth::None,
        };
        Ok(HttpDefinition { url, headers, auth })
    }
}
