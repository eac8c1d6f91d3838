//! The page that a login ends at in the browser. It stands by itself: no script, nothing from anywhere, and a policy that
//! allows its own style and no other (CSP level 3, hashes). What it quotes is text, whoever said it.

use std::sync::LazyLock;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use deputy_core::Language;

const STYLE: &str = include_str!("page.css");

/// The program's sign.
const MARK: &str = "<svg viewBox=\"0 0 32 32\" width=\"40\" height=\"40\" aria-hidden=\"true\">\
<rect x=\"1.5\" y=\"1.5\" width=\"29\" height=\"29\" rx=\"10\" fill=\"#0b6a5f\"/>\
<path fill=\"none\" stroke=\"#fff\" stroke-width=\"2.6\" stroke-linecap=\"round\" stroke-linejoin=\"round\" \
d=\"m10.6 16.4 3.9 3.9 7-7.9\"/></svg>";

/// Nothing but this style.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STYLE.as_bytes());
    format!(
        "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        BASE64_STANDARD.encode(digest)
    )
});

/// What became of a login, for its person.
#[derive(Debug)]
pub(in crate::agent) enum Outcome {
    /// They are logged in.
    LoggedIn { username: String, server: String },
    /// The server gave nothing, in these words; it may be that its person said no.
    Refused(String),
    /// It came to nothing for this reason.
    Failed(String),
}

/// What a page says.
#[derive(Debug)]
pub(super) enum Said {
    Outcome(Outcome),
    /// It does not carry this login's `state`.
    AnotherLogin,
    /// There was an answer before.
    AnsweredAlready,
    GivenUp,
    NotKnownYet,
    NothingHere,
    NotLikeThat,
}

impl Said {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Outcome(Outcome::LoggedIn { .. }) => StatusCode::OK,
            Self::Outcome(_) | Self::AnotherLogin => StatusCode::BAD_REQUEST,
            Self::AnsweredAlready => StatusCode::CONFLICT,
            Self::GivenUp => StatusCode::GONE,
            Self::NotKnownYet => StatusCode::GATEWAY_TIMEOUT,
            Self::NothingHere => StatusCode::NOT_FOUND,
            Self::NotLikeThat => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// The class of the style.
    const fn tone(&self) -> &'static str {
        match self {
            Self::Outcome(Outcome::LoggedIn { .. }) => "well",
            Self::Outcome(Outcome::Failed(_)) => "ill",
            _ => "so",
        }
    }

    /// The heading and the line below it.
    const fn words(&self, language: Language) -> (&'static str, &'static str) {
        let three = match self {
            Self::Outcome(Outcome::LoggedIn { .. }) => [
                (
                    "You are logged in",
                    "You may close this page and go back to the terminal.",
                ),
                (
                    "Вы вошли",
                    "Эту страницу можно закрыть и вернуться в терминал.",
                ),
                (
                    "Ви увійшли",
                    "Цю сторінку можна закрити й повернутися до термінала.",
                ),
            ],
            Self::Outcome(Outcome::Refused(_)) => [
                (
                    "You are not logged in",
                    "The server did not let you in. Nothing was changed.",
                ),
                (
                    "Вы не вошли",
                    "Сервер не впустил вас. Ничего не изменилось.",
                ),
                (
                    "Ви не увійшли",
                    "Сервер не впустив вас. Нічого не змінилося.",
                ),
            ],
            Self::Outcome(Outcome::Failed(_)) => [
                (
                    "You are not logged in",
                    "Something went wrong. The terminal says it too.",
                ),
                (
                    "Вы не вошли",
                    "Что-то пошло не так. То же сказано в терминале.",
                ),
                (
                    "Ви не увійшли",
                    "Щось пішло не так. Те саме сказано в терміналі.",
                ),
            ],
            Self::AnotherLogin => [
                (
                    "This is not of the login that is under way",
                    "Nothing was changed. Open the link that the terminal shows.",
                ),
                (
                    "Это не относится к начатому входу",
                    "Ничего не изменилось. Откройте ссылку, которую показывает терминал.",
                ),
                (
                    "Це не стосується розпочатого входу",
                    "Нічого не змінилося. Відкрийте посилання, яке показує термінал.",
                ),
            ],
            Self::AnsweredAlready => [
                ("This login has its answer already", "See the terminal."),
                ("У этого входа уже есть ответ", "Посмотрите в терминал."),
                ("Цей вхід уже має відповідь", "Подивіться в термінал."),
            ],
            Self::GivenUp => [
                ("The login was given up", "See the terminal."),
                ("Вход прерван", "Посмотрите в терминал."),
                ("Вхід перервано", "Подивіться в термінал."),
            ],
            Self::NotKnownYet => [
                ("It is not known yet", "See the terminal."),
                ("Пока неизвестно", "Посмотрите в терминал."),
                ("Поки що невідомо", "Подивіться в термінал."),
            ],
            Self::NothingHere => [
                ("Nothing here", "Open the link that the terminal shows."),
                (
                    "Здесь ничего нет",
                    "Откройте ссылку, которую показывает терминал.",
                ),
                (
                    "Тут нічого немає",
                    "Відкрийте посилання, яке показує термінал.",
                ),
            ],
            Self::NotLikeThat => [
                ("Not like that", "Open the link that the terminal shows."),
                (
                    "Так нельзя",
                    "Откройте ссылку, которую показывает терминал.",
                ),
                ("Так не можна", "Відкрийте посилання, яке показує термінал."),
            ],
        };
        let [en, ru, uk] = three;
        match language {
            Language::En => en,
            Language::Ru => ru,
            Language::Uk => uk,
        }
    }

    /// What is quoted below: who is logged in where, or the terminal's own words, which are English.
    fn quoted(&self) -> String {
        match self {
            Self::Outcome(Outcome::LoggedIn { username, server }) => format!(
                "<p class=\"who\"><b>{}</b><br>{}</p>",
                escape(username),
                escape(server)
            ),
            Self::Outcome(Outcome::Refused(why) | Outcome::Failed(why)) => {
                format!("<p class=\"why\" lang=\"en\">{}</p>", escape(why))
            }
            _ => String::new(),
        }
    }

    /// The page, in the language that the browser asks for.
    pub(super) fn page(&self, request: &HeaderMap) -> Response {
        let language = request
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|asked| asked.to_str().ok())
            .and_then(deputy_web::negotiate)
            .unwrap_or_default();
        let (title, text) = self.words(language);
        let html = format!(
            "<!DOCTYPE html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title} · Deputy</title><style>{STYLE}</style></head>\n\
             <body><main class=\"{}\"><p class=\"name\">{MARK}Deputy</p>\
             <h1>{title}</h1>{}<p>{text}</p></main></body></html>\n",
            language.as_str(),
            self.tone(),
            self.quoted(),
        );
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-store"),
            (header::CONNECTION, "close"),
        ];
        (self.status(), headers, html).into_response()
    }
}

/// Text as it may stand between tags.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
