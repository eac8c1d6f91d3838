//! Tables: made, and their rows and columns added and removed.

use std::sync::Arc;

use super::super::model::{Block, Body, CELL, ROW, RowBlock, TABLE, TABLE_END, TableBlock, Unit};
use super::{Reason, text};

/// A cell, by its table's start index and its place in it.
pub(super) struct CellAddress {
    pub(super) table: usize,
    pub(super) row: i64,
    pub(super) column: i64,
}

fn cell() -> [Unit; 2] {
    [Unit::mark(CELL), Unit::end(Arc::default(), Arc::default())]
}

/// An empty table after a newline that is inserted before it.
pub(super) fn insert(body: &mut Body, at: usize, rows: i64, columns: i64) -> Result<(), Reason> {
    text::check_insertion(body, at)?;
    let (Ok(rows @ 1..), Ok(columns @ 1..=20)) = (usize::try_from(rows), usize::try_from(columns))
    else {
        return Err(
            "The number of rows must be at least 1 and the number of columns from 1 to 20."
                .to_owned(),
        );
    };
    if rows > 1000 {
        return Err("The number of rows must be at most 1000.".to_owned());
    }
    text::insert(body, at, "\n")?;
    let mut units = vec![Unit::mark(TABLE)];
    for _ in 0..rows {
        units.push(Unit::mark(ROW));
        units.extend((0..columns).flat_map(|_| cell()));
    }
    units.push(Unit::mark(TABLE_END));
    body.units.splice(at + 1..=at, units);
    Ok(())
}

pub(super) fn insert_row(
    body: &mut Body,
    address: &CellAddress,
    below: bool,
) -> Result<(), Reason> {
    let (at, columns) = find(body, address, |_, row, _| {
        (if below { row.end } else { row.start }, row.cells.len())
    })?;
    let units = std::iter::once(Unit::mark(ROW)).chain((0..columns).flat_map(|_| cell()));
    body.units.splice(at..at, units.collect::<Vec<_>>());
    Ok(())
}

pub(super) fn delete_row(body: &mut Body, address: &CellAddress) -> Result<(), Reason> {
    let (start, end) = find(body, address, |table, row, _| match table.rows.len() {
        1 => (table.start, table.end),
        _ => (row.start, row.end),
    })?;
    body.units.drain(start..end);
    Ok(())
}

pub(super) fn insert_column(
    body: &mut Body,
    address: &CellAddress,
    right: bool,
) -> Result<(), Reason> {
    let places = find(body, address, |table, _, column| {
        let edge = |row: &RowBlock<'_>| {
            row.cells
                .get(column)
                .map(|cell| if right { cell.end } else { cell.start })
        };
        table.rows.iter().filter_map(edge).collect::<Vec<_>>()
    })?;
    for at in places.into_iter().rev() {
        body.units.splice(at..at, cell());
    }
    Ok(())
}

pub(super) fn delete_column(body: &mut Body, address: &CellAddress) -> Result<(), Reason> {
    let ranges = find(body, address, |table, row, column| {
        if row.cells.len() == 1 {
            return vec![(table.start, table.end)];
        }
        table
            .rows
            .iter()
            .filter_map(|row| row.cells.get(column).map(|cell| (cell.start, cell.end)))
            .collect()
    })?;
    for (start, end) in ranges.into_iter().rev() {
        body.units.drain(start..end);
    }
    Ok(())
}

/// Looks the cell up and gives what `read` finds in its table, its row and its column's number.
fn find<R>(
    body: &Body,
    address: &CellAddress,
    read: impl Fn(&TableBlock<'_>, &RowBlock<'_>, usize) -> R,
) -> Result<R, Reason> {
    let blocks = body.blocks();
    let table = table_at(&blocks, address.table)
        .ok_or_else(|| format!("No table starts at index {}.", address.table))?;
    let row = usize::try_from(address.row)
        .ok()
        .and_then(|row| table.rows.get(row));
    let row = row.ok_or_else(|| {
        format!(
            "The row index {} is out of the table's bounds.",
            address.row
        )
    })?;
    let column = usize::try_from(address.column)
        .ok()
        .filter(|&column| column < row.cells.len());
    let column = column.ok_or_else(|| {
        format!(
            "The column index {} is out of the table's bounds.",
            address.column
        )
    })?;
    Ok(read(table, row, column))
}

fn table_at<'a, 'b>(blocks: &'a [Block<'b>], start: usize) -> Option<&'a TableBlock<'b>> {
    blocks.iter().find_map(|block| match block {
        Block::Table(table) if table.start == start => Some(table),
        Block::Table(table) => table
            .rows
            .iter()
            .flat_map(|row| &row.cells)
            .find_map(|cell| table_at(&cell.content, start)),
        Block::Paragraph(_) => None,
    })
}
