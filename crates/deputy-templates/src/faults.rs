//! What is wrong with a configuration, in words for the person who filled it in. No message repeats a value: it may
//! be a secret in the wrong field.

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
    pub hint: Option<Localized>,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It must be given.
    Missing,
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

/// Picks by language.
fn of(language: Language, en: &str, ru: &str, uk: &str) -> String {
    match language {
        Language::En => en,
        Language::Ru => ru,
        Language::Uk => uk,
    }
    .to_owned()
}

impl Problem {
    /// What is wrong, in one sentence.
    pub fn message(&self, language: Language) -> String {
        let of = |en: &str, ru: &str, uk: &str| of(language, en, ru, uk);
        match self {
            Self::Missing => of(
                "It must be given.",
                "Нужно указать значение.",
                "Потрібно вказати значення.",
            ),
            Self::Type(kind) => type_message(kind, language),
            Self::Unknown(None) => of(
                "There is no such setting.",
                "Такой настройки нет.",
                "Такого налаштування немає.",
            ),
            Self::Unknown(Some(near)) => of(
                "There is no such setting; did you mean \"{}\"?",
                "Такой настройки нет; возможно, имелась в виду \"{}\"?",
                "Такого налаштування немає; можливо, малося на увазі \"{}\"?",
            )
            .replace("{}", near),
            Self::NotApplicable(other) => of(
                "It has no meaning with what was chosen for \"{}\".",
                "Не имеет смысла при том, что выбрано для \"{}\".",
                "Не має сенсу за того, що обрано для \"{}\".",
            )
            .replace("{}", other),
            Self::NotOneOf(choices) => of(
                "It must be one of: {}.",
                "Должно быть одно из: {}.",
                "Має бути одне з: {}.",
            )
            .replace("{}", &choices.join(", ")),
            Self::TooShort(least) => of(
                "It is too short: at least {} characters.",
                "Слишком коротко: не меньше {} символов.",
                "Закоротко: щонайменше {} символів.",
            )
            .replace("{}", &least.to_string()),
            Self::TooLong(most) => of(
                "It is too long: at most {} characters.",
                "Слишком длинно: не больше {} символов.",
                "Задовго: щонайбільше {} символів.",
            )
            .replace("{}", &most.to_string()),
            Self::TooMany(most) => of(
                "Too many: at most {}.",
                "Слишком много: не больше {}.",
                "Забагато: щонайбільше {}.",
            )
            .replace("{}", &most.to_string()),
            Self::TooSmall(least) => of(
                "It must be {} or more.",
                "Должно быть {} или больше.",
                "Має бути {} або більше.",
            )
            .replace("{}", least),
            Self::TooLarge(most) => of(
                "It must be {} or less.",
                "Должно быть {} или меньше.",
                "Має бути {} або менше.",
            )
            .replace("{}", most),
            Self::Form => of(
                "It doesn't have the right form.",
                "Неправильный вид.",
                "Неправильний вигляд.",
            ),
            Self::Character => of(
                "It has a line end or another control character in it.",
                "В значении есть перевод строки или другой управляющий символ.",
                "У значенні є перенесення рядка або інший керівний символ.",
            ),
            Self::LeadingDash => of(
                "It may not begin with \"-\": it would be taken for an option.",
                "Не может начинаться с \"-\": было бы принято за ключ команды.",
                "Не може починатися з \"-\": було б сприйнято за ключ команди.",
            ),
            Self::NotAUrl => of(
                "It is not a URL; one looks like https://example.com/mcp.",
                "Это не URL; он выглядит так: https://example.com/mcp.",
                "Це не URL; він має вигляд https://example.com/mcp.",
            ),
            Self::NotHttps => of(
                "The URL must begin with https://.",
                "URL должен начинаться с https://.",
                "URL має починатися з https://.",
            ),
            Self::UserInfo => of(
                "The URL may not have a user name or password in it; there are fields for secrets.",
                "В URL не может быть имени пользователя или пароля; для секретов есть свои поля.",
                "В URL не може бути імені користувача чи пароля; для секретів є свої поля.",
            ),
            Self::Fragment => of(
                "The URL may not have a \"#\" part.",
                "В URL не может быть части после \"#\".",
                "В URL не може бути частини після \"#\".",
            ),
            Self::NotPostgres => of(
                "It is not a connection string of PostgreSQL; one looks like postgresql://user:password@host:5432/database.",
                "Это не строка подключения PostgreSQL; она выглядит так: postgresql://user:password@host:5432/database.",
                "Це не рядок підключення PostgreSQL; він має вигляд postgresql://user:password@host:5432/database.",
            ),
            Self::Folder(problem) => folder_message(problem, language),
            Self::Command => of(
                "This command may not be run here; the administrator allows commands by DEPUTY_CUSTOM_COMMANDS.",
                "Эту команду здесь запускать нельзя; команды разрешает администратор в DEPUTY_CUSTOM_COMMANDS.",
                "Цю команду тут запускати не можна; команди дозволяє адміністратор у DEPUTY_CUSTOM_COMMANDS.",
            ),
            Self::VariableName => of(
                "The name of a variable has letters, digits and \"_\" only, and doesn't begin with a digit.",
                "Имя переменной состоит из латинских букв, цифр и \"_\" и не начинается с цифры.",
                "Ім'я змінної складається з латинських літер, цифр і \"_\" та не починається з цифри.",
            ),
            Self::VariableReserved => of(
                "This variable changes what programs are run and can't be set.",
                "Эта переменная меняет то, какие программы запускаются; задать её нельзя.",
                "Ця змінна змінює те, які програми запускаються; задати її не можна.",
            ),
            Self::HeaderName => of(
                "It is not the name of a header that can be set; one looks like X-Api-Key.",
                "Это не имя заголовка, который можно задать; оно выглядит так: X-Api-Key.",
                "Це не ім'я заголовка, який можна задати; воно має вигляд X-Api-Key.",
            ),
            Self::ServerName => of(
                "A name has 1 to 32 small Latin letters, digits or \"-\" and begins with a letter.",
                "Имя состоит из строчных латинских букв, цифр и \"-\" (до 32 знаков) и начинается с буквы.",
                "Ім'я складається з малих латинських літер, цифр і \"-\" (до 32 знаків) та починається з літери.",
            ),
            Self::ServerNameReserved => of(
                "This name means something of Deputy's own; choose another.",
                "Это имя занято самим Deputy; выберите другое.",
                "Це ім'я зайняте самим Deputy; виберіть інше.",
            ),
            Self::ServerNameTaken => of(
                "You have a server of this name already; choose another.",
                "У вас уже есть сервер с таким именем; выберите другое.",
                "У вас уже є сервер з таким іменем; виберіть інше.",
            ),
            Self::Size(most) => of(
                "The settings are too large in all: at most {} bytes.",
                "Настройки в сумме слишком велики: не больше {} байт.",
                "Налаштування разом завеликі: щонайбільше {} байтів.",
            )
            .replace("{}", &most.to_string()),
        }
    }
}

fn type_message(kind: &str, language: Language) -> String {
    match kind {
        "array" => of(
            language,
            "It must be a list of texts.",
            "Должен быть список строк.",
            "Має бути список рядків.",
        ),
        "object" => of(
            language,
            "It must be an object whose values are texts.",
            "Должен быть объект, значения которого — строки.",
            "Має бути об'єкт, значення якого — рядки.",
        ),
        "integer" => of(
            language,
            "It must be a whole number.",
            "Должно быть целое число.",
            "Має бути ціле число.",
        ),
        "number" => of(
            language,
            "It must be a number.",
            "Должно быть число.",
            "Має бути число.",
        ),
        "boolean" => of(
            language,
            "It must be true or false.",
            "Должно быть true или false.",
            "Має бути true або false.",
        ),
        _ => of(
            language,
            "It must be a text.",
            "Должна быть строка.",
            "Має бути рядок.",
        ),
    }
}

fn folder_message(problem: &FolderProblem, language: Language) -> String {
    let of = |en: &str, ru: &str, uk: &str| of(language, en, ru, uk);
    match problem {
        FolderProblem::NotAbsolute => of(
            "The path of a folder begins with \"/\".",
            "Путь к папке начинается с \"/\".",
            "Шлях до папки починається з \"/\".",
        ),
        FolderProblem::Outside(roots) => {
            let roots: Vec<String> = roots
                .iter()
                .map(|root| root.display().to_string())
                .collect();
            if roots.is_empty() {
                of(
                    "You have no folders here; an administrator allows them.",
                    "Здесь у вас нет папок; их разрешает администратор.",
                    "Тут у вас немає папок; їх дозволяє адміністратор.",
                )
            } else {
                of(
                    "This folder isn't among those you may use; it must be in {}.",
                    "Эта папка не из тех, которыми вам можно пользоваться; она должна быть в {}.",
                    "Ця папка не з тих, якими вам можна користуватися; вона має бути в {}.",
                )
                .replace("{}", &roots.join(", "))
            }
        }
        FolderProblem::Missing => of(
            "There is no such folder.",
            "Такой папки нет.",
            "Такої папки немає.",
        ),
        FolderProblem::NotAFolder => of(
            "This is a file; a folder is needed.",
            "Это файл, а нужна папка.",
            "Це файл, а потрібна папка.",
        ),
        FolderProblem::Unreadable => of(
            "This folder can't be read.",
            "Эту папку нельзя прочитать.",
            "Цю папку не можна прочитати.",
        ),
    }
}
