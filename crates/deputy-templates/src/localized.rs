//! Texts in the languages that people are spoken to in.

use deputy_core::Language;
use serde::{Deserialize, Serialize};

/// One text in three languages. English is always there and stands in for what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Localized {
    en: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ru: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uk: Option<String>,
}

impl Localized {
    /// A text that is known in one wording only, whatever its language: what a database row has.
    pub fn same(text: impl Into<String>) -> Self {
        Self {
            en: text.into(),
            ru: None,
            uk: None,
        }
    }

    /// The text in `language`, or in English.
    pub fn get(&self, language: Language) -> &str {
        let own = match language {
            Language::En => None,
            Language::Ru => self.ru.as_deref(),
            Language::Uk => self.uk.as_deref(),
        };
        own.unwrap_or(&self.en)
    }

    /// Whether each language has a text of its own, none of them empty.
    pub fn is_complete(&self) -> bool {
        [Some(&self.en), self.ru.as_ref(), self.uk.as_ref()]
            .into_iter()
            .all(|text| text.is_some_and(|text| !text.trim().is_empty()))
    }
}
