//! Text and paragraph styles with field masks.
//!
//! These are the wire's own shapes on purpose: the API defines a style by its JSON fields and a
//! mask over their names, and the document keeps exactly what was set. A field that is absent is
//! inherited from the named style.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The font that marks code, as Google's Markdown import sets it.
pub(crate) const CODE_FONT: &str = "Roboto Mono";

/// `TextStyle` of the Docs API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct TextStyle {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bold: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) italic: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) underline: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) strikethrough: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) small_caps: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) baseline_offset: Option<BaselineOffset>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) font_size: Option<Dimension>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) weighted_font_family: Option<WeightedFontFamily>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) foreground_color: Option<OptionalColor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) background_color: Option<OptionalColor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<Link>,
}

impl TextStyle {
    /// Set in a font of one width: what Markdown calls code.
    pub(crate) fn is_code(&self) -> bool {
        self.weighted_font_family.as_ref().is_some_and(|font| {
            ["mono", "courier", "consolas"]
                .iter()
                .any(|name| font.font_family.to_lowercase().contains(name))
        })
    }

    /// The style of code in an imported text.
    pub(crate) fn set_code(&mut self) {
        self.weighted_font_family = Some(WeightedFontFamily {
            font_family: CODE_FONT.to_owned(),
            weight: Some(400),
        });
    }
}

/// `ParagraphStyle` of the Docs API, without tab stops (which the API can only read).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct ParagraphStyle {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) heading_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) named_style_type: Option<NamedStyleType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alignment: Option<Alignment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) direction: Option<Direction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line_spacing: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spacing_mode: Option<SpacingMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) space_above: Option<Dimension>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) space_below: Option<Dimension>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) indent_first_line: Option<Dimension>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) indent_start: Option<Dimension>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) indent_end: Option<Dimension>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keep_lines_together: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keep_with_next: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) avoid_widow_and_orphan: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) page_break_before: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shading: Option<Shading>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) border_between: Option<ParagraphBorder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) border_top: Option<ParagraphBorder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) border_bottom: Option<ParagraphBorder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) border_left: Option<ParagraphBorder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) border_right: Option<ParagraphBorder>,
}

impl ParagraphStyle {
    /// The named style, normal text where none was set.
    pub(crate) fn named(&self) -> NamedStyleType {
        self.named_style_type.unwrap_or(NamedStyleType::NormalText)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NamedStyleType {
    #[serde(rename = "NORMAL_TEXT", alias = "NAMED_STYLE_TYPE_UNSPECIFIED")]
    NormalText,
    #[serde(rename = "TITLE")]
    Title,
    #[serde(rename = "SUBTITLE")]
    Subtitle,
    #[serde(rename = "HEADING_1")]
    Heading1,
    #[serde(rename = "HEADING_2")]
    Heading2,
    #[serde(rename = "HEADING_3")]
    Heading3,
    #[serde(rename = "HEADING_4")]
    Heading4,
    #[serde(rename = "HEADING_5")]
    Heading5,
    #[serde(rename = "HEADING_6")]
    Heading6,
}

impl NamedStyleType {
    /// All of them, in the order in which `namedStyles` lists them.
    pub(crate) const ALL: [Self; 9] = [
        Self::NormalText,
        Self::Heading1,
        Self::Heading2,
        Self::Heading3,
        Self::Heading4,
        Self::Heading5,
        Self::Heading6,
        Self::Title,
        Self::Subtitle,
    ];

    /// The heading of a level from 1; deeper ones than 6 count as 6.
    pub(crate) fn heading(level: u8) -> Self {
        match level {
            0 | 1 => Self::Heading1,
            2 => Self::Heading2,
            3 => Self::Heading3,
            4 => Self::Heading4,
            5 => Self::Heading5,
            _ => Self::Heading6,
        }
    }

    /// 1 to 6 for headings.
    pub(crate) fn level(self) -> Option<u8> {
        match self {
            Self::Heading1 => Some(1),
            Self::Heading2 => Some(2),
            Self::Heading3 => Some(3),
            Self::Heading4 => Some(4),
            Self::Heading5 => Some(5),
            Self::Heading6 => Some(6),
            Self::NormalText | Self::Title | Self::Subtitle => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Alignment {
    #[serde(rename = "ALIGNMENT_UNSPECIFIED")]
    Unspecified,
    Start,
    Center,
    End,
    Justified,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Direction {
    ContentDirectionUnspecified,
    LeftToRight,
    RightToLeft,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum SpacingMode {
    #[serde(rename = "SPACING_MODE_UNSPECIFIED")]
    Unspecified,
    NeverCollapse,
    CollapseLists,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum BaselineOffset {
    #[serde(rename = "BASELINE_OFFSET_UNSPECIFIED")]
    Unspecified,
    None,
    Superscript,
    Subscript,
}

/// A length; the API knows points only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Dimension {
    #[serde(skip_serializing_if = "Option::is_none")]
    magnitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<LengthUnit>,
}

impl Dimension {
    pub(crate) fn points(magnitude: f64) -> Self {
        Self {
            magnitude: Some(magnitude),
            unit: Some(LengthUnit::Pt),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum LengthUnit {
    UnitUnspecified,
    Pt,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct WeightedFontFamily {
    pub(crate) font_family: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) weight: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct OptionalColor {
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<Color>,
}

impl OptionalColor {
    pub(crate) fn rgb(red: f64, green: f64, blue: f64) -> Self {
        Self {
            color: Some(Color {
                rgb_color: Some(RgbColor {
                    red: Some(red),
                    green: Some(green),
                    blue: Some(blue),
                }),
            }),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Color {
    #[serde(skip_serializing_if = "Option::is_none")]
    rgb_color: Option<RgbColor>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RgbColor {
    #[serde(skip_serializing_if = "Option::is_none")]
    red: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    green: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blue: Option<f64>,
}

/// Where a text leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Link {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) heading_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bookmark_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tab_id: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Shading {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) background_color: Option<OptionalColor>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct ParagraphBorder {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) color: Option<OptionalColor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) width: Option<Dimension>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) padding: Option<Dimension>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dash_style: Option<DashStyle>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum DashStyle {
    #[serde(rename = "DASH_STYLE_UNSPECIFIED")]
    Unspecified,
    Solid,
    Dot,
    Dash,
}

/// A change to a style: the fields that the mask names, with their new values.
#[derive(Debug)]
pub(crate) struct Masked {
    fields: Vec<String>,
    values: Map<String, Value>,
}

impl Masked {
    /// Reads a mask such as `bold,fontSize` or `*`; sub-fields (`link.url`) change their whole field.
    /// Refused: an empty mask, an unknown field, a value of the wrong type.
    pub(crate) fn new<S>(values: Value, mask: &str, all: &[&str]) -> Result<Self, String>
    where
        S: Serialize + for<'de> Deserialize<'de>,
    {
        if mask.trim().is_empty() {
            return Err(
                "At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)"
                    .to_owned(),
            );
        }
        let given = if values.is_null() {
            Value::Object(Map::new())
        } else {
            values
        };
        serde_json::from_value::<S>(given.clone()).map_err(|error| error.to_string())?;
        let Value::Object(values) = given else {
            return Err("The style must be an object.".to_owned());
        };
        let mut fields = Vec::new();
        for path in mask.split(',').map(str::trim) {
            if path == "*" {
                fields.extend(all.iter().map(|&name| name.to_owned()));
                continue;
            }
            let name = camel_case(path.split('.').next().unwrap_or(path));
            if !all.contains(&name.as_str()) {
                return Err(format!("Invalid field: {path}"));
            }
            fields.push(name);
        }
        Ok(Self { fields, values })
    }

    /// The style with the change made.
    pub(crate) fn apply<S>(&self, style: &S) -> Result<S, serde_json::Error>
    where
        S: Serialize + for<'de> Deserialize<'de>,
    {
        let mut all = match serde_json::to_value(style)? {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        for name in &self.fields {
            match self.values.get(name) {
                Some(value) if !value.is_null() => all.insert(name.clone(), value.clone()),
                _ => all.remove(name),
            };
        }
        serde_json::from_value(Value::Object(all))
    }
}

/// Masks may be written in snake case, as protocol buffers do.
fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        if c == '_' {
            upper = true;
        } else if upper {
            out.extend(c.to_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}

/// Fields of [`TextStyle`] that a mask may name.
pub(crate) const TEXT_FIELDS: &[&str] = &[
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "smallCaps",
    "baselineOffset",
    "fontSize",
    "weightedFontFamily",
    "foregroundColor",
    "backgroundColor",
    "link",
];

/// Fields of [`ParagraphStyle`] that a mask may name (`headingId` is read-only).
pub(crate) const PARAGRAPH_FIELDS: &[&str] = &[
    "namedStyleType",
    "alignment",
    "direction",
    "lineSpacing",
    "spacingMode",
    "spaceAbove",
    "spaceBelow",
    "indentFirstLine",
    "indentStart",
    "indentEnd",
    "keepLinesTogether",
    "keepWithNext",
    "avoidWidowAndOrphan",
    "pageBreakBefore",
    "shading",
    "borderBetween",
    "borderTop",
    "borderBottom",
    "borderLeft",
    "borderRight",
];
