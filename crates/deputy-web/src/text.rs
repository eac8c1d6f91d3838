//! What the pages say, in the person's language. The texts live in `locales/*/main.ftl`; a test
//! holds the three files to the same keys, so that the fallback to English is never needed.

use std::borrow::Cow;
use std::collections::HashMap;

use deputy_core::Language;
use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader, langid};

fluent_templates::static_loader! {
    static LOCALES = {
        locales: "./locales",
        fallback_language: "en",
        // All three languages run from left to right; the marks would only be copied along.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

static EN: LanguageIdentifier = langid!("en");
static RU: LanguageIdentifier = langid!("ru");
static UK: LanguageIdentifier = langid!("uk");

/// The texts of one language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    pub(crate) language: Language,
}

impl Text {
    pub(crate) const fn new(language: Language) -> Self {
        Self { language }
    }

    fn id(self) -> &'static LanguageIdentifier {
        match self.language {
            Language::En => &EN,
            Language::Ru => &RU,
            Language::Uk => &UK,
        }
    }

    /// The BCP 47 tag, for `lang` attributes.
    pub(crate) fn lang(self) -> &'static str {
        self.language.as_str()
    }

    /// The text of `key`.
    pub(crate) fn tr(self, key: &str) -> String {
        LOCALES.lookup(self.id(), key)
    }

    /// The text of `key` with one value in it.
    pub(crate) fn tr1(self, key: &str, name: &'static str, value: impl AsRef<str>) -> String {
        let arguments = HashMap::from([(Cow::Borrowed(name), FluentValue::from(value.as_ref()))]);
        LOCALES.lookup_with_args(self.id(), key, &arguments)
    }

    /// The text of `key` with two values in it.
    pub(crate) fn tr2(
        self,
        key: &str,
        first: &'static str,
        first_value: impl AsRef<str>,
        second: &'static str,
        second_value: impl AsRef<str>,
    ) -> String {
        let arguments = HashMap::from([
            (
                Cow::Borrowed(first),
                FluentValue::from(first_value.as_ref()),
            ),
            (
                Cow::Borrowed(second),
                FluentValue::from(second_value.as_ref()),
            ),
        ]);
        LOCALES.lookup_with_args(self.id(), key, &arguments)
    }

    /// The text of `key` for a number, given as `n` and as `minutes`.
    pub(crate) fn count(self, key: &str, n: impl std::borrow::Borrow<i64>) -> String {
        let n = *n.borrow();
        let arguments = HashMap::from([
            (Cow::Borrowed("n"), FluentValue::from(n)),
            (Cow::Borrowed("minutes"), FluentValue::from(n)),
        ]);
        LOCALES.lookup_with_args(self.id(), key, &arguments)
    }
}

/// The language that a browser asks for (`Accept-Language`, RFC 9110 section 12.5.4): the one of ours
/// with the highest weight, the first of equals; `None` where it asks for none of ours.
pub fn negotiate(accept_language: &str) -> Option<Language> {
    let mut best: Option<(Language, f32)> = None;
    for part in accept_language.split(',') {
        let mut pieces = part.trim().split(';');
        let Some(language) = pieces.next().and_then(|tag| Language::from_tag(tag.trim())) else {
            continue;
        };
        let weight = pieces
            .find_map(|p| {
                p.trim()
                    .strip_prefix("q=")
                    .and_then(|q| q.trim().parse::<f32>().ok())
            })
            .unwrap_or(1.0);
        if weight > 0.0 && best.is_none_or(|(_, w)| weight > w) {
            best = Some((language, weight));
        }
    }
    best.map(|(language, _)| language)
}

#[cfg(test)]
mod tests;
