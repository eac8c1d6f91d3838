//! Which server fits a question: plain, scored matching of words, the same answer every time.
//!
//! The words of the question are held against the names, titles and descriptions of the tools that the
//! person can call, a name counting more than a description. English, Russian and Ukrainian bend the
//! ends of their words, so two words match (for less) when they begin the same and only their ends
//! differ; a stemmer would need to know the language, and there is no kept one for Ukrainian. A word
//! that many servers have says little. Our own servers' texts are English, so they have [`KEYWORDS`] in
//! all three languages.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deputy_core::Principal;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;

use super::ask::MAX_QUERY;
use super::{ContextError, invalid, may};
use crate::Gateway;
use crate::catalog::Tool;

#[cfg(test)]
mod tests;

/// Most servers that are suggested, and most tools named for each.
const MOST: usize = 5;
/// Words of a question that count.
const MAX_WORDS: usize = 60;
/// Words of one description that count.
const MAX_TEXT: usize = 400;
/// What a word is worth by where it is found.
const IN_NAME: f64 = 3.0;
const IN_TITLE: f64 = 2.0;
const IN_DESCRIPTION: f64 = 1.0;
/// What words are worth of which only the ends differ.
const BENT: f64 = 0.7;
/// How much of a word must be the same at its beginning, in characters.
const BEGINNING: usize = 4;

/// What people call what our own servers do.
const KEYWORDS: &[(&str, &str)] = &[
    (
        "calendar",
        "calendar event meeting appointment schedule agenda busy free \
         календарь событие встреча расписание созвон свободен \
         календар подія зустріч розклад дзвінок вільний",
    ),
    (
        "gmail",
        "gmail mail email e-mail letter message inbox reply draft \
         почта письмо письма ответить черновик входящие сообщение \
         пошта лист листи відповісти чернетка вхідні повідомлення",
    ),
    (
        "drive",
        "drive file folder document docs text report \
         диск файл папка документ отчёт текст \
         диск файл тека документ звіт текст",
    ),
    (
        "workspace",
        "workspace note task todo project requirement specification \
         заметка задача дело проект требование спецификация \
         нотатка завдання справа проєкт вимога специфікація",
    ),
];

/// Words that say nothing about what is wanted.
const EMPTY: &[&str] = &[
    "the",
    "and",
    "for",
    "with",
    "from",
    "this",
    "that",
    "what",
    "which",
    "show",
    "please",
    "how",
    "all",
    "are",
    "you",
    "can",
    "have",
    "has",
    "was",
    "were",
    "will",
    "into",
    "about",
    "there",
    "что",
    "как",
    "для",
    "это",
    "мне",
    "мои",
    "мой",
    "моя",
    "все",
    "или",
    "где",
    "есть",
    "покажи",
    "пожалуйста",
    "який",
    "яка",
    "які",
    "мені",
    "мої",
    "мій",
    "або",
    "для",
    "будь",
    "ласка",
    "покажи",
    "цей",
    "все",
    "усі",
];

/// A server that fits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suggestion {
    /// Its name.
    pub server_name: String,
    /// Above 0; more is better. Only the order means something.
    pub score: f64,
    /// Its tools that fit, the best first, at most 5.
    pub tools: Vec<String>,
}

impl Gateway {
    /// Which of this person's servers fit a question of 1 to 4000 characters, the best first, at most 5.
    pub async fn context_suggestions(
        &self,
        principal: &Principal,
        query: &str,
    ) -> Result<Vec<Suggestion>, ContextError> {
        may(principal)?;
        if query.trim().is_empty() || query.chars().count() > MAX_QUERY {
            return Err(invalid(
                "/query",
                format!("query has 1 to {MAX_QUERY} characters"),
            ));
        }
        let tools = self.tools(principal).await?;
        Ok(suggest(query, tools.iter().map(|tool| Candidate::of(tool))))
    }
}

/// A tool's words, and whose tool it is.
pub(crate) struct Candidate<'t> {
    server: &'t str,
    name: &'t str,
    title: &'t str,
    description: &'t str,
}

impl<'t> Candidate<'t> {
    fn of(tool: &'t Tool) -> Self {
        Self {
            server: &tool.server,
            name: &tool.name,
            title: &tool.title,
            description: &tool.description,
        }
    }
}

/// Words with what each is worth, found by their beginnings.
#[derive(Default)]
struct Words(HashMap<String, Vec<(String, f64)>>);

impl Words {
    fn add(&mut self, text: &str, worth: f64) {
        for word in words(text).into_iter().take(MAX_TEXT) {
            self.0
                .entry(beginning(&word))
                .or_default()
                .push((word, worth));
        }
    }

    /// What the best match of `word` is worth; 0: none.
    fn best(&self, word: &str) -> f64 {
        let alike = self.0.get(&beginning(word)).into_iter().flatten();
        alike
            .map(|(known, worth)| worth * likeness(word, known))
            .fold(0.0, f64::max)
    }
}

/// What names or words are worth.
type Worth<'t> = BTreeMap<&'t str, f64>;

fn suggest<'t>(query: &str, tools: impl Iterator<Item = Candidate<'t>>) -> Vec<Suggestion> {
    let asked: BTreeSet<_> = words(query)
        .into_iter()
        .filter(|word| !EMPTY.contains(&word.as_str()))
        .take(MAX_WORDS)
        .collect();
    // By server: what each word is worth there, and what each tool is worth.
    let mut servers: BTreeMap<&str, (Worth<'_>, Worth<'_>)> = BTreeMap::new();
    for tool in tools {
        let mut known = Words::default();
        known.add(tool.name, IN_NAME);
        known.add(tool.title, IN_TITLE);
        known.add(tool.description, IN_DESCRIPTION);
        let (by_word, by_tool) = servers.entry(tool.server).or_default();
        for word in &asked {
            let worth = known.best(word);
            if worth > 0.0 {
                let best = by_word.entry(word).or_default();
                *best = best.max(worth);
                *by_tool.entry(tool.name).or_default() += worth;
            }
        }
    }
    for (server, (by_word, _)) in &mut servers {
        let mut known = Words::default();
        known.add(server, IN_NAME);
        if let Some((_, keywords)) = KEYWORDS.iter().find(|(ours, _)| ours == server) {
            known.add(keywords, IN_NAME);
        }
        for word in &asked {
            let worth = known.best(word);
            if worth > 0.0 {
                let best = by_word.entry(word).or_default();
                *best = best.max(worth);
            }
        }
    }
    let mut known_to: BTreeMap<&str, u32> = BTreeMap::new();
    for (by_word, _) in servers.values() {
        for word in by_word.keys() {
            *known_to.entry(word).or_default() += 1;
        }
    }
    let mut out: Vec<_> = servers
        .iter()
        .filter(|(_, (by_word, _))| !by_word.is_empty())
        .map(|(server, (by_word, by_tool))| {
            let score: f64 = by_word
                .iter()
                .map(|(word, worth)| worth / f64::from(known_to.get(word).copied().unwrap_or(1)))
                .sum();
            Suggestion {
                server_name: (*server).to_owned(),
                score: (score * 1000.0).round() / 1000.0,
                tools: best_first(by_tool),
            }
        })
        .filter(|suggestion| suggestion.score > 0.0)
        .collect();
    out.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then_with(|| a.server_name.cmp(&b.server_name))
    });
    out.truncate(MOST);
    out
}

fn best_first(tools: &BTreeMap<&str, f64>) -> Vec<String> {
    let mut tools: Vec<_> = tools.iter().collect();
    tools.sort_by(|a, b| b.1.total_cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let names = tools.into_iter().take(MOST);
    names.map(|(name, _)| (*name).to_owned()).collect()
}

/// The words of a text in lower case, those of `snake_case` and `camelCase` names apart, of three
/// characters at least, in its order.
fn words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word = String::new();
    let mut before_lower = false;
    for c in text.nfkc() {
        // Inside of a Ukrainian word.
        if matches!(c, '\'' | '’' | 'ʼ') {
            continue;
        }
        if !c.is_alphanumeric() || (c.is_uppercase() && before_lower) {
            keep(&mut out, &mut word);
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        before_lower = c.is_lowercase();
    }
    keep(&mut out, &mut word);
    out
}

fn keep(out: &mut Vec<String>, word: &mut String) {
    // Script without spaces between words: each of its few characters is one.
    if word.chars().count() >= 3 || word.chars().any(|c| c > '\u{2e7f}') {
        // Both are written.
        out.push(word.replace('ё', "е"));
    }
    word.clear();
}

fn beginning(word: &str) -> String {
    word.chars().take(BEGINNING).collect()
}

/// 1 for the same word, [`BENT`] for one with another end, else 0.
fn likeness(a: &str, b: &str) -> f64 {
    if a == b {
        return 1.0;
    }
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let longer = a.chars().count().max(b.chars().count());
    if same >= BEGINNING && longer - same <= 3 {
        BENT
    } else {
        0.0
    }
}
