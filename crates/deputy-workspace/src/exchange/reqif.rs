//! Requirements as ReqIF 1.2, the exchange format of requirements tools (OMG,
//! <https://www.omg.org/spec/ReqIF/1.2>), by way of the library `reqrs`.
//!
//! What ReqIF fixes is how attributes are said, not which there are. So other tools' files are read by
//! the names of the implementation guide that most of them keep to (`ReqIF.ForeignID`, `ReqIF.Name`,
//! `ReqIF.ChapterName`, `ReqIF.Text`), then by names that say the same; what else a requirement has is
//! left out, by name. In files of ours the text is there twice: as XHTML for others, and as the Markdown
//! that it is (`Deputy.Markdown`). Reading takes the Markdown as long as it still says what the XHTML
//! says: another tool that changed the text changed the XHTML.

mod archive;
mod guard;
mod out;
mod xhtml;

use std::collections::{HashMap, HashSet};

use reqrs::model::{
    AttributeDefinition, AttributeValue, DataType, ReqIfContent, SpecObject, SpecRelation,
    SpecType, Specification,
};
use reqrs::{ReqIfError, ReqIfParser, SpecificationIterator};

use super::checks::{Gathering, plain, shown, utf8};
use super::{Item, LINKS, MAX_BODY, Read, ReadError};
use xhtml::Xhtml;

pub use out::write;

/// What an attribute with the requirement's own name for itself is called, as [`plain`] has it; the first
/// that has a value counts.
const KEY: &[&str] = &[
    "reqifforeignid",
    "foreignid",
    "objectidentifier",
    "uid",
    "reqid",
    "requirementid",
    "id",
    "identifier",
    "key",
];
/// One with its title.
const TITLE: &[&str] = &[
    "reqifname",
    "reqifchaptername",
    "title",
    "name",
    "objectheading",
    "heading",
    "headline",
    "summary",
];
/// One with its text.
const TEXT: &[&str] = &[
    "reqiftext",
    "text",
    "objecttext",
    "statement",
    "reqifdescription",
    "description",
    "content",
];
/// One with its status.
const STATUS: &[&str] = &[
    "status",
    "state",
    "reqifforeignstate",
    "objectstatus",
    "requirementstatus",
    "workflowstatus",
];
/// One with the Markdown of its text, in files of ours.
const MARKDOWN: &[&str] = &["deputymarkdown"];
/// One with a project's key.
const PREFIX: &[&str] = &["reqifprefix"];

/// What types of relations are called, in the order of [`LINKS`].
const RELATIONS: [&[&str]; 3] = [
    &["refines", "refine", "isrefinementof", "deputylinkrefines"],
    &["dependson", "depends", "dependsupon", "deputylinkdependson"],
    &["verifies", "verify", "deputylinkverifies"],
];

/// How long a title is that is made of the beginning of a text, in characters.
const MADE_TITLE: usize = 120;

/// Reads a ReqIF file, or the one in an archive.
///
/// # Errors
/// What is wrong with it, and where.
pub fn read(file: &[u8]) -> Result<Read, ReadError> {
    let mut gathering = Gathering::default();
    let unpacked;
    let file = if archive::is_archive(file) {
        unpacked = archive::unpack(file, &mut gathering)?;
        &unpacked
    } else {
        file
    };
    let text = utf8(file)?;
    let text = guard::check(text)?;
    let bundle = ReqIfParser::parse_str(&text).map_err(|error| refused(&text, &error))?;
    let content = bundle
        .core_content
        .and_then(|core| core.req_if_content)
        .unwrap_or_default();
    let title = bundle.header.and_then(|header| header.title);
    Reading::of(&content, gathering)?.read(title.as_deref().unwrap_or_default())
}

/// What the library says, for a person.
fn refused(text: &str, error: &ReqIfError) -> ReadError {
    match error {
        ReqIfError::Xml { pos, msg } if *pos > 0 => {
            ReadError::malformed(guard::line(text, *pos), shown(msg))
        }
        ReqIfError::Xml { msg, .. } => ReadError::malformed("the file", shown(msg)),
        ReqIfError::MissingAttribute { tag, attr } => {
            ReadError::malformed(format!("<{}>", shown(tag)), format!("there is no {attr}"))
        }
        ReqIfError::MissingChild { child, parent } => ReadError::malformed(
            format!("<{}>", shown(parent)),
            format!("there is no <{}>", shown(child)),
        ),
        ReqIfError::UnexpectedTag { tag, parent } => ReadError::malformed(
            format!("<{}>", shown(parent)),
            format!("<{}> is not known here", shown(tag)),
        ),
        other => ReadError::malformed("the file", shown(&other.to_string())),
    }
}

/// An attribute with what it says.
struct Value<'a> {
    /// What the attribute is called.
    name: &'a str,
    plain: String,
    says: &'a AttributeValue,
}

/// The Markdown that a text was written from.
struct Source<'a> {
    markdown: &'a str,
    /// Of what was written.
    shape: String,
}

impl<'a> Source<'a> {
    fn of(markdown: &'a str) -> Option<Self> {
        if markdown.len() > MAX_BODY {
            return None;
        }
        let written = Xhtml::parse(&xhtml::from_markdown(markdown))?;
        Some(Self {
            markdown,
            shape: written.shape(),
        })
    }
}

/// A file while its parts are put together.
struct Reading<'a> {
    content: &'a ReqIfContent,
    objects: HashMap<&'a str, &'a SpecObject>,
    /// Attributes by identifier: what they are called.
    attributes: HashMap<&'a str, &'a str>,
    /// Values of enumerations by identifier: what they are called.
    choices: HashMap<&'a str, &'a str>,
    /// Types of relations by identifier: what they are called.
    relations: HashMap<&'a str, &'a str>,
    gathering: Gathering,
}

impl<'a> Reading<'a> {
    fn of(content: &'a ReqIfContent, gathering: Gathering) -> Result<Self, ReadError> {
        let mut reading = Self {
            content,
            objects: HashMap::new(),
            attributes: HashMap::new(),
            choices: HashMap::new(),
            relations: HashMap::new(),
            gathering,
        };
        for object in content.spec_objects.iter().flatten() {
            let id = object.identifier.as_str();
            if reading.objects.insert(id, object).is_some() {
                return Err(ReadError::Duplicate { key: shown(id) });
            }
        }
        for data_type in content.data_types.iter().flatten() {
            if let DataType::Enumeration(data_type) = data_type {
                for choice in data_type.specified_values.iter().flatten() {
                    let name = named(choice.long_name.as_deref(), &choice.key);
                    reading.choices.insert(choice.identifier.as_str(), name);
                }
            }
        }
        for spec_type in content.spec_types.iter().flatten() {
            let common = match spec_type {
                SpecType::SpecObject(kind) => &kind.common,
                SpecType::Specification(kind) => &kind.common,
                SpecType::RelationGroup(kind) => &kind.common,
                SpecType::SpecRelation(kind) => {
                    let id = kind.common.identifier.as_str();
                    let name = named(kind.common.long_name.as_deref(), id);
                    reading.relations.insert(id, name);
                    &kind.common
                }
            };
            for attribute in common.spec_attributes.iter().flatten() {
                let id = attribute.identifier().as_str();
                let name = named(long_name(attribute), id);
                reading.attributes.insert(id, name);
            }
        }
        Ok(reading)
    }

    fn read(mut self, title: &str) -> Result<Read, ReadError> {
        let content = self.content;
        let specifications = content.specifications.as_deref().unwrap_or_default();
        self.project(specifications.first(), title);
        let keys = self.requirements(specifications)?;
        for relation in content.spec_relations.iter().flatten() {
            self.relation(relation, &keys)?;
        }
        if content
            .relation_groups
            .as_ref()
            .is_some_and(|groups| !groups.is_empty())
        {
            self.gathering.leave_out("Groups of relations");
        }
        self.gathering.finish()
    }

    fn project(&mut self, specification: Option<&'a Specification>, title: &str) {
        let values = self.values(specification.and_then(|all| all.values.as_deref()));
        let mut used = Vec::new();
        let name = self.first(&values, TITLE, &mut used);
        let key = self.first(&values, PREFIX, &mut used);
        let about = self.text(&values, TEXT, &mut used, "the project");
        self.left_out_of(&values, &used, "project");
        let long_name = specification.and_then(|all| all.long_name.as_deref());
        let description = specification.and_then(|all| all.description.as_deref());
        let name = [name.as_deref(), long_name, Some(title)];
        let name = name
            .into_iter()
            .flatten()
            .find(|name| !name.trim().is_empty());
        let description = about.or_else(|| description.map(str::to_owned));
        self.gathering.project(
            &key.unwrap_or_default(),
            name.unwrap_or_default(),
            &description.unwrap_or_default(),
        );
    }

    /// Every requirement in the order of the hierarchies, then those in none; gives their keys by identifier.
    fn requirements(
        &mut self,
        specifications: &'a [Specification],
    ) -> Result<HashMap<&'a str, String>, ReadError> {
        let mut ordered: Vec<&SpecObject> = Vec::new();
        let mut seen = HashSet::new();
        for (nth, specification) in specifications.iter().enumerate() {
            if nth > 0 {
                let id = specification.identifier.as_str();
                let name = named(specification.long_name.as_deref(), id);
                self.gathering.leave_out(format!(
                    "That “{}” is a specification of its own: its requirements follow those of the first",
                    shown(name)
                ));
            }
            for place in SpecificationIterator::iterate(specification) {
                if place.level > 1 {
                    self.gathering
                        .leave_out("Which requirement is below which in the hierarchy");
                }
                let id = place.spec_object_ref.as_str();
                match self.objects.get(id) {
                    None => self.gathering.leave_out(format!(
                        "A place in the hierarchy: there is no {}",
                        shown(id)
                    )),
                    Some(object) if seen.insert(id) => ordered.push(object),
                    Some(_) => {}
                }
            }
        }
        for object in self.content.spec_objects.iter().flatten() {
            if seen.insert(object.identifier.as_str()) {
                ordered.push(object);
            }
        }
        let mut keys = HashMap::new();
        let mut taken = HashSet::new();
        for object in ordered {
            let id = object.identifier.as_str();
            let item = self.item(object, &mut taken);
            keys.insert(id, item.key.clone());
            self.gathering.item(item)?;
        }
        Ok(keys)
    }

    fn item(&mut self, object: &'a SpecObject, taken: &mut HashSet<String>) -> Item {
        let id = object.identifier.as_str();
        let values = self.values(Some(&object.attributes));
        let mut used = Vec::new();
        let key = self.first(&values, KEY, &mut used);
        let key = key.unwrap_or_default().trim().to_owned();
        let key = if key.is_empty() || taken.contains(&key) {
            if !key.is_empty() {
                self.gathering.leave_out(format!(
                    "The name {} where it is another requirement's too",
                    shown(&key)
                ));
            }
            id.to_owned()
        } else {
            key
        };
        taken.insert(key.clone());
        let title = self.first(&values, TITLE, &mut used);
        let status = self.first(&values, STATUS, &mut used).or_else(|| {
            let own = values
                .iter()
                .find(|value| value.plain.ends_with("status"))?;
            self.first(&values, &[own.plain.as_str()], &mut used)
        });
        let body = self
            .text(&values, TEXT, &mut used, &key)
            .unwrap_or_default();
        self.left_out_of(&values, &used, "attribute");
        let long_name = object.long_name.as_deref().filter(|name| *name != id);
        let title = title
            .or_else(|| long_name.map(str::to_owned))
            .filter(|title| !title.trim().is_empty())
            .or_else(|| beginning(&body))
            .unwrap_or_else(|| key.clone());
        Item {
            key,
            title,
            body,
            status: status.unwrap_or_default(),
        }
    }

    fn relation(
        &mut self,
        relation: &SpecRelation,
        keys: &HashMap<&str, String>,
    ) -> Result<(), ReadError> {
        let id = relation.relation_type.as_str();
        let name = self.relations.get(id).copied().unwrap_or(id);
        let kind = RELATIONS
            .iter()
            .position(|names| names.contains(&plain(name).as_str()));
        let Some(kind) = kind else {
            self.gathering
                .leave_out(format!("Relations of the type “{}”", shown(name)));
            return Ok(());
        };
        if relation
            .values
            .as_ref()
            .is_some_and(|values| !values.is_empty())
        {
            self.gathering.leave_out("Attributes of relations");
        }
        let key = |id: &str| keys.get(id).cloned().unwrap_or_else(|| id.to_owned());
        let (from, to) = (key(relation.source.as_str()), key(relation.target.as_str()));
        self.gathering.link(&from, &to, LINKS[kind])
    }

    fn values(&self, values: Option<&'a [AttributeValue]>) -> Vec<Value<'a>> {
        let values = values.unwrap_or_default().iter().map(|value| {
            let id = value.definition_ref().as_str();
            let name = self.attributes.get(id).copied().unwrap_or(id);
            Value {
                name,
                plain: plain(name),
                says: value,
            }
        });
        values.collect()
    }

    /// The first value, in one line, among attributes of these names; its place goes into `used`.
    fn first(&self, values: &[Value<'a>], names: &[&str], used: &mut Vec<usize>) -> Option<String> {
        let (place, text) = names.iter().find_map(|name| {
            let mut named = values.iter().enumerate();
            named.find_map(|(place, value)| {
                let text = (value.plain == *name).then(|| self.line(value.says))?;
                (!text.trim().is_empty()).then_some((place, text))
            })
        })?;
        used.push(place);
        Some(text)
    }

    /// The text, as Markdown.
    fn text(
        &mut self,
        values: &[Value<'a>],
        names: &[&str],
        used: &mut Vec<usize>,
        whose: &str,
    ) -> Option<String> {
        let source = self.first(values, MARKDOWN, used).and_then(|_| {
            let place = *used.last()?;
            match values[place].says {
                AttributeValue::String(value) => Some(value.value.as_str()),
                _ => None,
            }
        });
        let source = source.and_then(Source::of);
        let source = source.as_ref();
        for name in names {
            for (place, value) in values.iter().enumerate() {
                if value.plain != *name {
                    continue;
                }
                if let Some(text) = self.text_of(value.says, source, whose) {
                    used.push(place);
                    return Some(text);
                }
            }
        }
        // Names of a tool's own: `FUNC-REQ-TXT`; or the only formatted text that there is.
        let is_formatted = |value: &Value| matches!(value.says, AttributeValue::Xhtml(_));
        let is_only = values.iter().filter(|value| is_formatted(value)).count() == 1;
        for (place, value) in values.iter().enumerate() {
            let is_text = value.plain.ends_with("text") || value.plain.ends_with("txt");
            let is_likely = is_text || (is_only && is_formatted(value));
            if is_likely
                && !used.contains(&place)
                && let Some(text) = self.text_of(value.says, source, whose)
            {
                used.push(place);
                return Some(text);
            }
        }
        // The text is gone: then so is what it was made of.
        None
    }

    /// What a value says as a text; `None` where it says nothing.
    fn text_of(
        &mut self,
        value: &AttributeValue,
        source: Option<&Source>,
        whose: &str,
    ) -> Option<String> {
        let AttributeValue::Xhtml(value) = value else {
            return Some(self.line(value)).filter(|text| !text.trim().is_empty());
        };
        let text = Xhtml::parse(&value.the_value_raw)?;
        if let Some(source) = source
            && source.shape == text.shape()
        {
            return Some(source.markdown.to_owned());
        }
        let (markdown, objects) = text.markdown();
        if objects > 0 {
            self.gathering.leave_out(format!(
                "Pictures and files in the text of {}",
                shown(whose)
            ));
        }
        Some(markdown).filter(|markdown| !markdown.trim().is_empty())
    }

    fn line(&self, value: &AttributeValue) -> String {
        match value {
            AttributeValue::String(value) => value.value.clone(),
            AttributeValue::Integer(value) => value.value.clone(),
            AttributeValue::Real(value) => value.value.clone(),
            AttributeValue::Date(value) => value.value.clone(),
            AttributeValue::Boolean(value) => value.value.to_string(),
            AttributeValue::Xhtml(value) => {
                Xhtml::parse(&value.the_value_raw).map_or_else(String::new, |text| text.line())
            }
            AttributeValue::Enumeration(value) => {
                let names = value.values.iter().map(|id| {
                    let id = id.as_str();
                    self.choices.get(id).copied().unwrap_or(id)
                });
                names.collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// Says which attributes with a value were not used.
    fn left_out_of(&mut self, values: &[Value<'a>], used: &[usize], what: &str) {
        for (place, value) in values.iter().enumerate() {
            if used.contains(&place) || MARKDOWN.contains(&value.plain.as_str()) {
                continue;
            }
            if self.line(value.says).trim().is_empty() {
                continue;
            }
            let name = shown(value.name);
            self.gathering.leave_out(match what {
                "project" => format!("The attribute “{name}” of the specification"),
                _ => format!("The attribute “{name}”"),
            });
        }
    }
}

/// What something is called, or else its identifier.
fn named<'a>(name: Option<&'a str>, id: &'a str) -> &'a str {
    name.filter(|name| !name.trim().is_empty()).unwrap_or(id)
}

fn long_name(attribute: &AttributeDefinition) -> Option<&str> {
    let common = match attribute {
        AttributeDefinition::String(attribute) => &attribute.common,
        AttributeDefinition::Boolean(attribute) => &attribute.common,
        AttributeDefinition::Integer(attribute) => &attribute.common,
        AttributeDefinition::Real(attribute) => &attribute.common,
        AttributeDefinition::Date(attribute) => &attribute.common,
        AttributeDefinition::Xhtml(attribute) => &attribute.common,
        AttributeDefinition::Enumeration(attribute) => &attribute.common,
    };
    common.long_name.as_deref()
}

/// A title made of the beginning of a text.
fn beginning(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let line = line.trim_end_matches('\\').trim();
    if line.chars().count() <= MADE_TITLE {
        return Some(line.to_owned());
    }
    let cut: String = line.chars().take(MADE_TITLE).collect();
    let cut = cut.rsplit_once(' ').map_or(cut.as_str(), |(cut, _)| cut);
    Some(format!("{}…", cut.trim_end()))
}
