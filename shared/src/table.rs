//! Aligned tables for the log, which shows up to about a hundred columns of plain text.

use crate::page::Table;

/// Columns padded to their widest cell, two spaces apart.
pub fn aligned(table: &Table) -> String {
    let mut widths = vec![0; table.header.len()];
    let lines = || std::iter::once(&table.header).chain(&table.rows);
    for cells in lines() {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &Vec<String>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:<width$}"))
            .collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_characters_and_not_by_bytes() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        let table = Table {
            title: String::new(),
            header: row("a", "b"),
            rows: vec![row("µs", "1"), row("longer", "22")],
        };
        assert_eq!(aligned(&table), "a       b\nµs      1\nlonger  22\n");
    }
}
