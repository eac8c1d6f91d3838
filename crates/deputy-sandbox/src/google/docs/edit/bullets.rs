//! Lists: bullets made and taken away.

use std::sync::Arc;

use super::super::model::{Body, Bullet, BulletPreset, List};
use super::super::style::Dimension;

const TAB: u16 = 0x09;

/// Makes list items of all paragraphs that overlap the range. Leading tabs say how deep each is and
/// are removed, which shortens the document. A list of the same preset right before is continued.
pub(super) fn create(body: &mut Body, start: usize, end: usize, preset: BulletPreset) {
    let newlines = body.newlines_of(start, end);
    let Some(&first) = newlines.first() else {
        return;
    };
    let list_id = continued(body, first, preset).unwrap_or_else(|| {
        let id = body.fresh_id("kix.");
        body.lists.insert(id.clone(), List { preset, start: 1 });
        id
    });
    // From the back, so that the positions still to come stay right.
    for newline in newlines.into_iter().rev() {
        let begins = body.paragraph_start(newline);
        let tabs = body.units[begins..newline]
            .iter()
            .take_while(|unit| unit.code == TAB)
            .count();
        let mut paragraph = body.units[newline]
            .paragraph
            .as_deref()
            .cloned()
            .unwrap_or_default();
        let kept = paragraph
            .bullet
            .as_ref()
            .map_or(0, |bullet| usize::from(bullet.level));
        let level = u8::try_from((tabs + kept).min(8)).unwrap_or(8);
        let (first_line, start) = indents(level);
        paragraph.style.indent_first_line = Some(Dimension::points(first_line));
        paragraph.style.indent_start = Some(Dimension::points(start));
        paragraph.bullet = Some(Bullet {
            list_id: list_id.clone(),
            level,
        });
        body.units[newline].paragraph = Some(Arc::new(paragraph));
        body.units.drain(begins..begins + tabs);
    }
}

fn continued(body: &Body, newline: usize, preset: BulletPreset) -> Option<String> {
    let before = body.paragraph_start(newline).checked_sub(1)?;
    let bullet = body.units[before].paragraph.as_ref()?.bullet.as_ref()?;
    (body.lists.get(&bullet.list_id)?.preset == preset).then(|| bullet.list_id.clone())
}

/// Makes plain paragraphs of list items; each keeps its indent.
pub(super) fn delete(body: &mut Body, start: usize, end: usize) {
    for newline in body.newlines_of(start, end) {
        let mut paragraph = body.units[newline]
            .paragraph
            .as_deref()
            .cloned()
            .unwrap_or_default();
        let Some(bullet) = paragraph.bullet.take() else {
            continue;
        };
        let (_, start) = indents(bullet.level);
        let shown = (bullet.level > 0).then(|| Dimension::points(start));
        paragraph.style.indent_first_line = shown;
        paragraph.style.indent_start = shown;
        body.units[newline].paragraph = Some(Arc::new(paragraph));
    }
}

/// Points from the margin to the glyph and to the text of a list item.
pub(crate) fn indents(level: u8) -> (f64, f64) {
    let base = 36.0 * f64::from(level);
    (base + 18.0, base + 36.0)
}
