//! A project as a ReqIF file. Identifiers are made of keys, so that a tool that reads the next export
//! too knows the requirements again.

use std::fmt::Write as _;

use jiff::Timestamp;
use reqrs::model::{
    AttributeDefCommon, AttributeDefinition, AttributeDefinitionEnumeration,
    AttributeDefinitionString, AttributeDefinitionXhtml, AttributeValue, AttributeValueEnumeration,
    AttributeValueString, AttributeValueXhtml, CoreContent, DataType, DataTypeCommon,
    DataTypeEnumeration, DataTypeString, DataTypeXhtml, DefaultValuePresence, EnumValue,
    NamespaceInfo, ObjectLookup, RepositoryId, ReqIfBundle, ReqIfContent, ReqIfHeader,
    SpecHierarchy, SpecObject, SpecObjectType, SpecRelation, SpecRelationType, SpecType,
    SpecTypeCommon, Specification, SpecificationType, ToolExtensions,
};
use reqrs::{AttributeDefId, DataTypeId, EnumValueId, FormatMode, ReqIfUnparser, SpecTypeId};

use super::super::{Document, LINKS, STATUSES};
use super::xhtml::{allowed, from_markdown};

const STRING: &str = "deputy-string";
const XHTML: &str = "deputy-xhtml";
const STATUS: &str = "deputy-status";
const REQUIREMENT: &str = "deputy-requirement";
const PROJECT: &str = "deputy-project";

/// What the types of relations are called, in the order of [`LINKS`].
const LINK_NAMES: [&str; 3] = ["refines", "depends on", "verifies"];

/// Writes a project, as of `at`.
pub fn write(document: &Document, at: Timestamp) -> String {
    let writing = Writing {
        at: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    };
    let bundle = writing.bundle(document);
    ReqIfUnparser::unparse(&bundle, FormatMode::Passthrough).expect("written into memory")
}

/// An identifier that XML allows (`xsd:ID`): letters, digits and hyphens stay, the rest is said in numbers.
fn id(kind: &str, name: &str) -> String {
    let mut id = format!("deputy-{kind}-");
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || c == '-' {
            id.push(c);
        } else {
            let _ = write!(id, "_{:x}.", u32::from(c));
        }
    }
    id
}

/// The identifier of an attribute.
fn attribute(of: &str, name: &str) -> String {
    id(of, name)
}

struct Writing {
    at: String,
}

impl Writing {
    fn bundle(&self, document: &Document) -> ReqIfBundle {
        let attributes = [
            ("xmlns", "http://www.omg.org/spec/ReqIF/20110401/reqif.xsd"),
            ("xmlns:xhtml", "http://www.w3.org/1999/xhtml"),
        ];
        let statuses = self.statuses(document);
        let content = ReqIfContent {
            data_types: Some(vec![
                DataType::String(DataTypeString {
                    identifier: DataTypeId::new(STRING),
                    common: self.data_type("Text", true),
                    max_length: Some("65536".to_owned()),
                }),
                DataType::Xhtml(DataTypeXhtml {
                    identifier: DataTypeId::new(XHTML),
                    common: self.data_type("Formatted text", true),
                }),
                DataType::Enumeration(DataTypeEnumeration {
                    identifier: DataTypeId::new(STATUS),
                    common: self.data_type("Status", false),
                    specified_values: Some(statuses),
                }),
            ]),
            spec_types: Some(self.types()),
            spec_objects: Some(self.objects(document)),
            spec_relations: Some(self.relations(document)),
            specifications: Some(vec![self.specification(document)]),
            ..ReqIfContent::default()
        };
        ReqIfBundle {
            namespace_info: NamespaceInfo {
                doctype_is_present: true,
                encoding: Some("UTF-8".to_owned()),
                attributes_in_order: attributes
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .to_vec(),
                ..NamespaceInfo::default()
            },
            header: Some(ReqIfHeader {
                identifier: id("file", &document.key),
                comment: None,
                creation_time: Some(self.at.clone()),
                repository_id: Some(RepositoryId::Text(allowed(&document.key))),
                req_if_tool_id: Some("Deputy".to_owned()),
                // The schema of 1.1 and 1.2 has this number too.
                req_if_version: Some("1.0".to_owned()),
                source_tool_id: Some("Deputy".to_owned()),
                title: Some(allowed(&document.name)),
            }),
            core_content: Some(CoreContent {
                req_if_content: Some(content),
            }),
            tool_extensions: ToolExtensions::Absent,
            lookup: ObjectLookup::empty(),
            exceptions: Vec::new(),
        }
    }

    fn data_type(&self, name: &str, was_self_closing: bool) -> DataTypeCommon {
        DataTypeCommon {
            description: None,
            last_change: Some(self.at.clone()),
            long_name: Some(name.to_owned()),
            was_self_closing,
            comments_before: Vec::new(),
        }
    }

    /// The values of the status: ours, and what else there is.
    fn statuses(&self, document: &Document) -> Vec<EnumValue> {
        let mut names: Vec<&str> = STATUSES.to_vec();
        for item in &document.requirements {
            if !item.status.is_empty() && !names.contains(&item.status.as_str()) {
                names.push(&item.status);
            }
        }
        let values = names.into_iter().enumerate().map(|(nth, name)| EnumValue {
            identifier: EnumValueId::new(id("status", name)),
            long_name: Some(allowed(name)),
            description: None,
            last_change: Some(self.at.clone()),
            key: nth.to_string(),
            other_content: Some(String::new()),
        });
        values.collect()
    }

    fn types(&self) -> Vec<SpecType> {
        let mut types = vec![
            SpecType::SpecObject(SpecObjectType {
                common: self.type_of(
                    REQUIREMENT,
                    "Requirement",
                    Some(vec![
                        self.string("requirement", "ReqIF.ForeignID"),
                        self.string("requirement", "ReqIF.Name"),
                        self.xhtml("requirement", "ReqIF.Text"),
                        self.choice("requirement", "Status"),
                        self.string("requirement", "Deputy.Markdown"),
                    ]),
                ),
            }),
            SpecType::Specification(SpecificationType {
                common: self.type_of(
                    PROJECT,
                    "Project",
                    Some(vec![
                        self.string("project", "ReqIF.Prefix"),
                        self.string("project", "ReqIF.Name"),
                        self.xhtml("project", "ReqIF.Description"),
                        self.string("project", "Deputy.Markdown"),
                    ]),
                ),
            }),
        ];
        for (kind, name) in LINKS.into_iter().zip(LINK_NAMES) {
            types.push(SpecType::SpecRelation(SpecRelationType {
                common: self.type_of(&id("link", kind), name, None),
            }));
        }
        types
    }

    fn type_of(
        &self,
        id: &str,
        name: &str,
        attributes: Option<Vec<AttributeDefinition>>,
    ) -> SpecTypeCommon {
        SpecTypeCommon {
            identifier: SpecTypeId::new(id),
            description: None,
            last_change: Some(self.at.clone()),
            long_name: Some(name.to_owned()),
            was_self_closing: attributes.is_none(),
            spec_attributes: attributes,
            comments_before: Vec::new(),
        }
    }

    fn definition(&self, name: &str) -> AttributeDefCommon {
        AttributeDefCommon {
            description: None,
            last_change: Some(self.at.clone()),
            long_name: Some(name.to_owned()),
            is_editable: None,
            was_self_closing: false,
        }
    }

    fn string(&self, of: &str, name: &str) -> AttributeDefinition {
        AttributeDefinition::String(AttributeDefinitionString {
            identifier: AttributeDefId::new(attribute(of, name)),
            common: self.definition(name),
            type_ref: DataTypeId::new(STRING),
            default_value: DefaultValuePresence::Absent,
        })
    }

    fn xhtml(&self, of: &str, name: &str) -> AttributeDefinition {
        AttributeDefinition::Xhtml(AttributeDefinitionXhtml {
            identifier: AttributeDefId::new(attribute(of, name)),
            common: self.definition(name),
            type_ref: DataTypeId::new(XHTML),
            default_value: DefaultValuePresence::Absent,
        })
    }

    fn choice(&self, of: &str, name: &str) -> AttributeDefinition {
        AttributeDefinition::Enumeration(AttributeDefinitionEnumeration {
            identifier: AttributeDefId::new(attribute(of, name)),
            common: self.definition(name),
            type_ref: DataTypeId::new(STATUS),
            default_value: DefaultValuePresence::Absent,
            multi_valued: Some(false),
        })
    }

    fn objects(&self, document: &Document) -> Vec<SpecObject> {
        let objects = document.requirements.iter().map(|item| {
            let mut attributes = vec![
                string_value("requirement", "ReqIF.ForeignID", &item.key),
                string_value("requirement", "ReqIF.Name", &item.title),
            ];
            attributes.extend(text_values("requirement", "ReqIF.Text", &item.body));
            if !item.status.is_empty() {
                attributes.push(AttributeValue::Enumeration(AttributeValueEnumeration {
                    definition_ref: AttributeDefId::new(attribute("requirement", "Status")),
                    values: vec![EnumValueId::new(id("status", &item.status))],
                    was_definition_first: false,
                    comments_before: Vec::new(),
                }));
            }
            SpecObject {
                identifier: id("requirement", &item.key).into(),
                description: None,
                last_change: Some(self.at.clone()),
                long_name: Some(allowed(&item.title)),
                spec_object_type: SpecTypeId::new(REQUIREMENT),
                attributes,
                children_order: Vec::new(),
                comments_before: Vec::new(),
                values_trailing_comments: Vec::new(),
            }
        });
        objects.collect()
    }

    fn relations(&self, document: &Document) -> Vec<SpecRelation> {
        let relations = document.links.iter().map(|link| SpecRelation {
            identifier: id("link", &format!("{} {} {}", link.from, link.kind, link.to)).into(),
            description: None,
            last_change: Some(self.at.clone()),
            long_name: None,
            relation_type: SpecTypeId::new(id("link", &link.kind)),
            source: id("requirement", &link.from).into(),
            target: id("requirement", &link.to).into(),
            values: None,
            children_order: Vec::new(),
            comments_before: Vec::new(),
        });
        relations.collect()
    }

    fn specification(&self, document: &Document) -> Specification {
        let mut values = vec![
            string_value("project", "ReqIF.Prefix", &document.key),
            string_value("project", "ReqIF.Name", &document.name),
        ];
        values.extend(text_values(
            "project",
            "ReqIF.Description",
            &document.description,
        ));
        let places = document.requirements.iter().map(|item| SpecHierarchy {
            identifier: id("place", &item.key),
            last_change: Some(self.at.clone()),
            long_name: None,
            editable: None,
            is_table_internal: None,
            spec_object_ref: id("requirement", &item.key).into(),
            children: None,
            ref_then_children_order: true,
            level: 1,
            was_self_closing_children: false,
        });
        Specification {
            identifier: id("project", &format!("{}.", document.key)).into(),
            description: None,
            last_change: Some(self.at.clone()),
            long_name: Some(allowed(&document.name)),
            specification_type: Some(SpecTypeId::new(PROJECT)),
            values: Some(values),
            children: Some(places.collect()),
            children_order: Vec::new(),
            children_empty_open_close: false,
            values_empty_open_close: false,
            comments_before: Vec::new(),
            values_trailing_comments: Vec::new(),
        }
    }
}

fn string_value(of: &str, name: &str, value: &str) -> AttributeValue {
    AttributeValue::String(AttributeValueString {
        definition_ref: AttributeDefId::new(attribute(of, name)),
        value: allowed(value),
        comments_before: Vec::new(),
    })
}

/// A text as XHTML and as the Markdown that it is; nothing where it is empty.
fn text_values(of: &str, name: &str, markdown: &str) -> Vec<AttributeValue> {
    if markdown.is_empty() {
        return Vec::new();
    }
    vec![
        AttributeValue::Xhtml(AttributeValueXhtml {
            definition_ref: AttributeDefId::new(attribute(of, name)),
            the_value_raw: from_markdown(markdown),
            was_definition_first: false,
            comments_before: Vec::new(),
        }),
        string_value(of, "Deputy.Markdown", markdown),
    ]
}
