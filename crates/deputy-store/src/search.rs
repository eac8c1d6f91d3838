//! Finding rows by words in them.

use sea_orm::sea_query::{ExprTrait as _, LikeExpr};
use sea_orm::{ColumnTrait, Condition};

/// A text that stands for itself in a LIKE pattern with the escape `\`.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}

/// Rows whose `column` has every one of `words` somewhere. Both are folded by whoever writes and
/// asks: SQLite compares letters regardless of case in ASCII alone.
pub(crate) fn contains_all<C: ColumnTrait>(column: C, words: &[String]) -> Condition {
    words.iter().fold(Condition::all(), |all, word| {
        let pattern = format!("%{}%", escaped(word));
        all.add(column.into_expr().like(LikeExpr::new(pattern).escape('\\')))
    })
}
