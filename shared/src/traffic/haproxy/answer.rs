//! Reading what the runtime API says.

use std::collections::HashMap;

/// A table whose columns go by name: their places differ between versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    columns: HashMap<String, usize>,
    rows: Vec<Vec<String>>,
}

/// One row of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    table: &'a Table,
    cells: &'a [String],
}

impl Table {
    /// Reads the answer to `show stat`: comma-separated, the names after `# `.
    pub(super) fn of_stat(text: &str) -> Result<Self, String> {
        Self::read(text.lines(), "show stat", csv)
    }

    /// Reads the answer to `show servers state`: a version, the names after `# `, words between spaces.
    pub(super) fn of_servers_state(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let version = lines.next().unwrap_or_default();
        if version != "1" {
            return Err(format!(
                "found {:?} where show servers state says its version, expected 1",
                start(version)
            ));
        }
        Self::read(lines, "show servers state", |line| {
            line.split(' ').map(str::to_owned).collect()
        })
    }

    fn read<'a>(
        mut lines: impl Iterator<Item = &'a str>,
        what: &str,
        cells: impl Fn(&str) -> Vec<String>,
    ) -> Result<Self, String> {
        let head = lines.next().unwrap_or_default();
        let Some(names) = head.strip_prefix("# ") else {
            return Err(format!(
                "found {:?}, expected the columns of {what}",
                start(head)
            ));
        };
        let names = cells(names);
        let rows: Vec<_> = lines.filter(|line| !line.is_empty()).map(&cells).collect();
        if let Some(row) = rows.iter().find(|row| row.len() < names.len() - 1) {
            return Err(format!(
                "a row of {what} has {} columns, expected {}",
                row.len(),
                names.len()
            ));
        }
        let columns = names.into_iter().zip(0..).collect();
        Ok(Self { columns, rows })
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { table: self, cells })
    }
}

impl<'a> Row<'a> {
    /// The text in a column; empty where the version has no such column.
    pub(super) fn text(self, column: &str) -> &'a str {
        let place = self.table.columns.get(column);
        place
            .and_then(|place| self.cells.get(*place))
            .map_or("", String::as_str)
    }

    /// The number in a column that must be there.
    pub(super) fn number(self, column: &str) -> Result<u64, String> {
        let text = self.text(column);
        text.parse().map_err(|_| {
            format!(
                "found {:?} in the column {column}, expected a number",
                start(text)
            )
        })
    }

    /// The number in a column that is empty where nothing is counted.
    pub(super) fn count(self, column: &str) -> Result<u64, String> {
        if self.text(column).is_empty() {
            return Ok(0);
        }
        self.number(column)
    }
}

/// The start of a text, for an error.
pub(super) fn start(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// The cells of a line, of which some are quoted.
fn csv(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        let last = cells.len() - 1;
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells[last].push(c),
        }
    }
    cells
}

#[cfg(test)]
pub(super) const STAT: &str = include_str!("recorded/stat.csv");
#[cfg(test)]
pub(super) const SERVERS: &str = include_str!("recorded/servers.txt");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_go_by_their_names() {
        let table = Table::of_stat(STAT).unwrap();
        let names: Vec<_> = table.rows().map(|row| row.text("svname")).collect();
        assert_eq!(names, ["blue", "green", "BACKEND"]);
        let green = table.rows().nth(1).unwrap();
        assert_eq!(green.number("stot"), Ok(20));
        assert_eq!(green.number("wretr"), Ok(15));
        assert_eq!(green.text("status"), "no check");
        assert_eq!(green.text("no such column"), "");
        assert_eq!(green.count("no such column"), Ok(0));
        assert!(green.number("status").is_err());
        let backend = table.rows().nth(2).unwrap();
        assert_eq!(backend.text("algo"), "roundrobin");
    }

    #[test]
    fn servers_have_a_weight_and_a_state() {
        let table = Table::of_servers_state(SERVERS).unwrap();
        let green = table.rows().nth(1).unwrap();
        assert_eq!(green.text("srv_name"), "green");
        assert_eq!(green.number("srv_uweight"), Ok(25));
        assert_eq!(green.number("srv_admin_state"), Ok(1));
    }

    #[test]
    fn quotes_keep_commas_in_a_cell() {
        assert_eq!(csv("a,\"b,c\",,d"), ["a", "b,c", "", "d"]);
    }

    #[test]
    fn what_is_no_table_is_named() {
        for text in ["", "HTTP/1.1 400 Bad request", "1\n# a b", "# a,b,c\nx"] {
            assert!(Table::of_stat(text).is_err(), "{text}");
        }
        for text in ["", "2\n# a b", "1\nno head", "1\n# a b c\n1"] {
            assert!(Table::of_servers_state(text).is_err(), "{text}");
        }
    }
}
