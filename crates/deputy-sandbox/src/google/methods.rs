//! What Google's discovery documents say about each method: verb, path, scopes, parameters. The
//! table is generated (`methods/generate.py`); nothing of it is written by hand.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use http::Method as Verb;
use serde::Deserialize;

/// The table.
pub(crate) static METHODS: LazyLock<Methods> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "a constant of the program; a test reads it"
    )]
    let table: Table =
        serde_json::from_str(include_str!("methods/methods.json")).expect("methods.json");
    Methods::new(table)
});

#[derive(Deserialize)]
struct Table {
    scopes: Vec<String>,
    apis: Vec<ApiTable>,
}

#[derive(Deserialize)]
struct ApiTable {
    name: String,
    version: String,
    methods: Vec<MethodRow>,
    schemas: HashMap<String, Schema>,
}

#[derive(Deserialize)]
struct MethodRow {
    id: String,
    http: String,
    path: String,
    scopes: Vec<usize>,
    parameters: BTreeMap<String, Parameter>,
    response: Option<String>,
    upload: Option<String>,
}

/// Properties of a schema and where each leads.
pub(crate) type Schema = HashMap<String, Refers>;

/// Where a property leads.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Refers {
    /// A named schema; `""` for a plain value, `"*"` for any keys.
    Name(String),
    /// An object described in place.
    Inline(Schema),
}

/// Where a parameter is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// In the path.
    Path,
    /// In the query.
    Query,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Any text; see `format` and `enum`.
    String,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
}

/// One parameter of a method.
#[derive(Debug, Deserialize)]
pub(crate) struct Parameter {
    #[serde(rename = "in")]
    pub(crate) place: Place,
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) required: bool,
    #[serde(default, rename = "enum")]
    pub(crate) choices: Vec<String>,
    #[serde(default)]
    pub(crate) minimum: Option<String>,
    #[serde(default)]
    pub(crate) maximum: Option<String>,
    #[serde(default)]
    pub(crate) default: Option<String>,
    #[serde(default)]
    pub(crate) format: Option<String>,
}

/// One method.
#[derive(Debug)]
pub(crate) struct Method {
    /// Discovery id: `calendar.events.list`.
    pub(crate) id: String,
    /// `calendar`, `gmail`, `drive`, `docs` or `oauth2`.
    pub(crate) api: String,
    pub(crate) version: String,
    pub(crate) verb: Verb,
    /// Any one of these is enough.
    pub(crate) scopes: Vec<&'static str>,
    pub(crate) parameters: BTreeMap<String, Parameter>,
    /// Name of the answer's schema.
    pub(crate) response: Option<String>,
    path: Vec<Segment>,
    upload: Option<Vec<Segment>>,
}

#[derive(Debug)]
enum Segment {
    Fixed(String),
    /// `{name}suffix`; the suffix is empty or begins with `:`.
    Variable {
        name: String,
        suffix: String,
    },
}

/// A method that a request matched.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static Method,
    /// Path parameters, percent-decoded.
    pub(crate) path: Vec<(String, String)>,
    /// Whether it came by the upload path.
    pub(crate) upload: bool,
}

/// All methods of all APIs.
pub(crate) struct Methods {
    all: Vec<Method>,
    schemas: HashMap<String, HashMap<String, Schema>>,
    /// Every scope that some method knows.
    pub(crate) scopes: Vec<&'static str>,
}

impl Methods {
    fn new(table: Table) -> Self {
        let scopes: Vec<&'static str> = table.scopes.into_iter().map(|s| &*s.leak()).collect();
        let mut methods = Vec::new();
        let mut schemas = HashMap::new();
        for api in table.apis {
            for row in api.methods {
                methods.push(Method {
                    api: api.name.clone(),
                    version: api.version.clone(),
                    verb: row.http.parse().unwrap_or(Verb::GET),
                    scopes: row
                        .scopes
                        .iter()
                        .filter_map(|i| scopes.get(*i).copied())
                        .collect(),
                    parameters: row.parameters,
                    response: row.response,
                    path: segments(&row.path),
                    upload: row.upload.as_deref().map(segments),
                    id: row.id,
                });
            }
            schemas.insert(api.name, api.schemas);
        }
        Self {
            all: methods,
            schemas,
            scopes,
        }
    }

    /// The method with this id.
    #[cfg(test)]
    pub(crate) fn by_id(&self, id: &str) -> Option<&Method> {
        self.all.iter().find(|m| m.id == id)
    }

    /// The schema `name` of `api`.
    pub(crate) fn schema(&self, api: &str, name: &str) -> Option<&Schema> {
        self.schemas.get(api)?.get(name)
    }

    /// The method that a request is for. Where two match, the one with more fixed segments wins
    /// (`files/generateIds` over `files/{fileId}`). Paths without `calendar/v3` or `drive/v3` are
    /// found too: Google's Python client leaves that part out when it is given an `api_endpoint`.
    pub(crate) fn route(&'static self, verb: &Verb, path: &str) -> Option<Route> {
        let whole = |path: &str| self.route_exactly(verb, path);
        whole(path)
            .or_else(|| whole(&format!("/calendar/v3{path}")))
            .or_else(|| whole(&format!("/drive/v3{path}")))
    }

    fn route_exactly(&'static self, verb: &Verb, path: &str) -> Option<Route> {
        let path = path.strip_prefix("/resumable").unwrap_or(path);
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let mut best: Option<(usize, Route)> = None;
        for method in self.all.iter().filter(|m| m.verb == *verb) {
            let candidates = [(Some(&method.path), false), (method.upload.as_ref(), true)];
            for (segments, upload) in candidates {
                let Some(values) = segments.and_then(|segments| matched(segments, &parts)) else {
                    continue;
                };
                let fixed = parts.len() - values.len();
                if best.as_ref().is_none_or(|(most, _)| fixed > *most) {
                    best = Some((
                        fixed,
                        Route {
                            method,
                            path: values,
                            upload,
                        },
                    ));
                }
            }
        }
        best.map(|(_, route)| route)
    }
}

fn segments(path: &str) -> Vec<Segment> {
    path.split('/')
        .skip(1)
        .map(
            |part| match part.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
                Some((name, suffix)) => Segment::Variable {
                    name: name.to_owned(),
                    suffix: suffix.to_owned(),
                },
                None => Segment::Fixed(part.to_owned()),
            },
        )
        .collect()
}

fn matched(segments: &[Segment], parts: &[&str]) -> Option<Vec<(String, String)>> {
    if segments.len() != parts.len() {
        return None;
    }
    let mut values = Vec::new();
    for (segment, part) in segments.iter().zip(parts) {
        match segment {
            Segment::Fixed(fixed) if fixed == part => {}
            Segment::Fixed(_) => return None,
            Segment::Variable { name, suffix } => {
                let value = part.strip_suffix(suffix.as_str())?;
                if value.is_empty() {
                    return None;
                }
                values.push((name.clone(), percent_decoded(value)?));
            }
        }
    }
    Some(values)
}

fn percent_decoded(part: &str) -> Option<String> {
    // What has a meaning in a query has none in a path.
    let part = part
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    let decoded = url::form_urlencoded::parse(part.as_bytes())
        .next()?
        .0
        .into_owned();
    Some(decoded)
}
