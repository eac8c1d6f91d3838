//! Who is calling, and what that caller may do.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::UserId;

/// A right that a token can carry. The names are those of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// List tools.
    #[serde(rename = "tools:read")]
    ToolsRead,
    /// Call tools that only read.
    #[serde(rename = "tools:call")]
    ToolsCall,
    /// Call the other tools.
    #[serde(rename = "tools:write")]
    ToolsWrite,
    /// Decide approvals: never an agent's, unless the person says so.
    #[serde(rename = "approvals:decide")]
    ApprovalsDecide,
    /// Talk to the assistant.
    #[serde(rename = "chat")]
    Chat,
    /// Add, change and remove own MCP servers.
    #[serde(rename = "servers:manage")]
    ServersManage,
    /// Connect and disconnect accounts.
    #[serde(rename = "integrations:manage")]
    IntegrationsManage,
    /// Read own audit records.
    #[serde(rename = "audit:read")]
    AuditRead,
    /// Administer the installation; only ever effective for an administrator.
    #[serde(rename = "admin")]
    Admin,
}

impl Scope {
    /// Every scope, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::ToolsRead,
        Self::ToolsCall,
        Self::ToolsWrite,
        Self::ApprovalsDecide,
        Self::Chat,
        Self::ServersManage,
        Self::IntegrationsManage,
        Self::AuditRead,
        Self::Admin,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ToolsRead => "tools:read",
            Self::ToolsCall => "tools:call",
            Self::ToolsWrite => "tools:write",
            Self::ApprovalsDecide => "approvals:decide",
            Self::Chat => "chat",
            Self::ServersManage => "servers:manage",
            Self::IntegrationsManage => "integrations:manage",
            Self::AuditRead => "audit:read",
            Self::Admin => "admin",
        }
    }

    /// Whether it decides in the person's place, or about others: nobody's default, never ticked
    /// beforehand, never remembered.
    pub const fn is_grave(self) -> bool {
        matches!(self, Self::ApprovalsDecide | Self::Admin)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No such scope; the message lists those there are.
#[derive(Debug, thiserror::Error)]
#[error(
    "unknown scope '{0}'; there are: tools:read, tools:call, tools:write, approvals:decide, chat, servers:manage, integrations:manage, audit:read, admin"
)]
pub struct UnknownScope(pub String);

impl FromStr for Scope {
    type Err = UnknownScope;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == s)
            .ok_or_else(|| UnknownScope(s.to_owned()))
    }
}

/// A set of scopes; on the wire and in a row, names separated by spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(pub BTreeSet<Scope>);

impl Scopes {
    /// All there are.
    pub fn all() -> Self {
        Self(Scope::ALL.into())
    }

    /// What a personal token has that names none: all but the grave ones.
    pub fn default_for_token() -> Self {
        let usual = Scope::ALL.into_iter().filter(|scope| !scope.is_grave());
        Self(usual.collect())
    }

    /// Whether `scope` is in the set.
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, scope) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl FromStr for Scopes {
    type Err = UnknownScope;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.split_ascii_whitespace()
            .map(Scope::from_str)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// What a user is in this installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees everybody's audit and the pool; manages users.
    Admin,
    /// Acts for themselves.
    User,
}

/// The language that messages to a person are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Russian.
    Ru,
    /// Ukrainian.
    Uk,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::En, Self::Ru, Self::Uk];

    /// The BCP 47 tag: `en`, `ru` or `uk`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ru => "ru",
            Self::Uk => "uk",
        }
    }

    /// The language of a tag such as `ru` or `uk-UA`, if it is one of ours.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or(tag);
        Self::ALL
            .into_iter()
            .find(|l| l.as_str().eq_ignore_ascii_case(primary))
    }
}

/// Through what a person calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A browser in which the person is signed in.
    Browser {
        /// Hash of the session's id: names the session, opens nothing.
        session: String,
    },
    /// A personal access token.
    Token {
        /// Row id of the token.
        id: i64,
        /// The name its owner gave it.
        name: String,
    },
    /// A program that the person allowed to act for them (OAuth 2.1).
    Client {
        /// Row id of the grant: what the person allowed this client at one time.
        grant: i64,
        /// The client's identifier.
        id: String,
        /// The name that the client gave itself. Not proven: for display only.
        name: String,
    },
    /// The program itself, for the person: a resumed approval, a schedule.
    System,
}

impl Caller {
    /// How the audit log names the caller: `browser`, `token:ID:NAME`, `client:GRANT:NAME` or
    /// `system`. With the number, because names repeat.
    pub fn label(&self) -> String {
        match self {
            Self::Browser { .. } => "browser".to_owned(),
            Self::Token { id, name } => format!("token:{id}:{name}"),
            Self::Client { grant, name, .. } => format!("client:{grant}:{name}"),
            Self::System => "system".to_owned(),
        }
    }
}

/// An authenticated person together with what the present caller may do in their name.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The person; the key of everything.
    pub user_id: UserId,
    /// The person's sign-in name, for display only.
    pub username: String,
    /// The person's role.
    pub role: Role,
    /// The person's language.
    pub language: Language,
    /// The person's time zone, an IANA name.
    pub time_zone: String,
    /// What this caller may do: never more than the person may.
    pub scopes: Scopes,
    /// Through what the call comes.
    pub caller: Caller,
}

impl Principal {
    /// Whether this caller holds `scope`; `admin` counts only for an administrator.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(scope) && (scope != Scope::Admin || self.role == Role::Admin)
    }
}
