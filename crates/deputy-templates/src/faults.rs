//! What is wrong with a configuration, in words for the person who filled it in. No message repeats a value: it may
//! be a secret in the wrong field.

mod words;

use deputy_core::Language;

use crate::localized::Localized;
use crate::rules::FolderProblem;

/// Something wrong with one property.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// JSON pointer into the configuration: `/allowed_path`, `/env/API_KEY`; empty for the configuration as a whole.
    pub field: String,
    /// What is wrong.
    pub problem: Problem,
    /// What a right value looks like, from the template.
    pub hint: Option<Box<Localized>>,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It must be given.
    Missing,
    /// It is stored, and can't stay with this change: what would get it is another than before.
    Again,
    /// It isn't of the right JSON type; this one is.
    Type(&'static str),
    /// There is no such property; this one has a similar name.
    Unknown(Option<String>),
    /// It has no meaning with what was chosen for that other property.
    NotApplicable(String),
    /// It isn't one of these.
    NotOneOf(Vec<String>),
    /// Too few characters; at least so many.
    TooShort(u64),
    /// Too many characters; at most so many.
    TooLong(u64),
    /// Too many items; at most so many.
    TooMany(u64),
    /// A number that is too small; at least this.
    TooSmall(String),
    /// A number that is too large; at most this.
    TooLarge(String),
    /// It doesn't look like what it should be.
    Form,
    /// A character that can't be part of it: a line end, a control character.
    Character,
    /// It begins with `-` and would be taken for an option.
    LeadingDash,
    /// It isn't a URL.
    NotAUrl,
    /// The URL doesn't begin with `https://`.
    NotHttps,
    /// The URL has a user name or a password in it.
    UserInfo,
    /// The URL has a fragment (`#…`).
    Fragment,
    /// Not a connection string of PostgreSQL.
    NotPostgres,
    /// The folder may not be used.
    Folder(FolderProblem),
    /// The command isn't one that people may run here.
    Command,
    /// Not the name of an environment variable.
    VariableName,
    /// A variable that changes what a program runs; not for people to set.
    VariableReserved,
    /// Not the name of a header, or one that isn't for people to set.
    HeaderName,
    /// Not a name that a server can have.
    ServerName,
    /// A name that means something of Deputy's own.
    ServerNameReserved,
    /// Another server of this person has the name.
    ServerNameTaken,
    /// The configuration is too large in all; at most so many bytes.
    Size(usize),
}

impl Fault {
    /// The fault of a field.
    pub(crate) fn new(field: impl Into<String>, problem: Problem) -> Self {
        Self {
            field: field.into(),
            problem,
            hint: None,
        }
    }

    /// What is wrong and what to do about it, in one or two sentences.
    pub fn message(&self, language: Language) -> String {
        let mut message = self.problem.message(language);
        if let Some(hint) = &self.hint {
            message.push(' ');
            message.push_str(hint.get(language));
        }
        message
    }
}

impl Problem {
    /// What is wrong, in one sentence.
    pub fn message(&self, language: Language) -> String {
        match self {
            Self::Type(kind) => type_message(kind, language),
            Self::Folder(problem) => folder_message(problem, language),
            Self::Missing => words::MISSING.get(language),
            Self::Again => words::AGAIN.get(language),
            Self::Unknown(Some(near)) => words::UNKNOWN_NEAR.with(language, near),
            Self::Unknown(None) => words::UNKNOWN.get(language),
            Self::NotApplicable(other) => words::NOT_APPLICABLE.with(language, other),
            Self::NotOneOf(choices) => words::NOT_ONE_OF.with(language, &choices.join(", ")),
            Self::TooShort(least) => words::TOO_SHORT.with(language, &least.to_string()),
            Self::TooLong(most) => words::TOO_LONG.with(language, &most.to_string()),
            Self::TooMany(most) => words::TOO_MANY.with(language, &most.to_string()),
            Self::TooSmall(least) => words::TOO_SMALL.with(language, least),
            Self::TooLarge(most) => words::TOO_LARGE.with(language, most),
            Self::Form => words::FORM.get(language),
            Self::Character => words::CHARACTER.get(language),
            Self::LeadingDash => words::LEADING_DASH.get(language),
            Self::NotAUrl => words::NOT_A_URL.get(language),
            Self::NotHttps => words::NOT_HTTPS.get(language),
            Self::UserInfo => words::USER_INFO.get(language),
            Self::Fragment => words::FRAGMENT.get(language),
            Self::NotPostgres => words::NOT_POSTGRES.get(language),
            Self::Command => words::COMMAND.get(language),
            Self::VariableName => words::VARIABLE_NAME.get(language),
            Self::VariableReserved => words::VARIABLE_RESERVED.get(language),
            Self::HeaderName => words::HEADER_NAME.get(language),
            Self::ServerName => words::SERVER_NAME.get(language),
            Self::ServerNameReserved => words::SERVER_NAME_RESERVED.get(language),
            Self::ServerNameTaken => words::SERVER_NAME_TAKEN.get(language),
            Self::Size(most) => words::SIZE.with(language, &most.to_string()),
        }
    }
}

/// The sentence about a value of another type than this one of JSON Schema.
fn type_message(kind: &str, language: Language) -> String {
    let words = match kind {
        "array" => &words::A_LIST,
        "object" => &words::AN_OBJECT,
        "integer" => &words::AN_INTEGER,
        "number" => &words::A_NUMBER,
        "boolean" => &words::A_BOOLEAN,
        _ => &words::A_TEXT,
    };
    words.get(language)
}

fn folder_message(problem: &FolderProblem, language: Language) -> String {
    let words = match problem {
        FolderProblem::NotAbsolute => &words::FOLDER_NOT_ABSOLUTE,
        FolderProblem::Malformed => &words::FOLDER_MALFORMED,
        FolderProblem::Outside(roots) if roots.is_empty() => &words::FOLDER_NONE,
        FolderProblem::Outside(roots) => {
            let roots: Vec<String> = roots
                .iter()
                .map(|root| root.display().to_string())
                .collect();
            return words::FOLDER_OUTSIDE.with(language, &roots.join(", "));
        }
        FolderProblem::Missing => &words::FOLDER_MISSING,
        FolderProblem::NotAFolder => &words::FOLDER_IS_A_FILE,
        FolderProblem::Unreadable => &words::FOLDER_UNREADABLE,
    };
    words.get(language)
}
