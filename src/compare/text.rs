//! Tables as a terminal and as Markdown show them.

use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table as Grid, TableStyle,
};

/// One table: what it is of, and its cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The line above the table.
    pub title: String,
    /// What a reader must know, below the table; may be empty.
    pub note: String,
    /// One for each column.
    pub heading: Vec<Column>,
    /// The cells of each row, in the order of the columns.
    pub rows: Vec<Vec<String>>,
}

/// A heading, and how the cells below it are aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// May be broken over lines.
    Words(&'static str),
    /// Aligned to the right and never broken.
    Figures(&'static str),
}

impl Column {
    fn name(self) -> &'static str {
        match self {
            Self::Words(name) | Self::Figures(name) => name,
        }
    }
}

const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// All tables for a terminal of `width` columns.
pub fn terminal(tables: &[Table], width: u16) -> String {
    let one = |table: &Table| {
        let note = if table.note.is_empty() {
            String::new()
        } else {
            wrapped(&table.note, width)
        };
        format!(
            "{}{}\n{note}",
            wrapped(&table.title, width),
            grid(table, width)
        )
    };
    tables.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// All tables as sections of a Markdown page.
pub fn markdown(tables: &[Table]) -> String {
    let sections: Vec<String> = tables.iter().map(section).collect();
    sections.join("\n")
}

fn section(table: &Table) -> String {
    let mut section = format!("## {}\n\n", table.title);
    section += &line(table.heading.iter().map(|column| {
        // A long word is hyphenated only in a terminal.
        column.name().replace("-\n", "").replace('\n', " ")
    }));
    section += &line(table.heading.iter().map(|column| match column {
        Column::Words(_) => "---".to_owned(),
        Column::Figures(_) => "---:".to_owned(),
    }));
    for row in &table.rows {
        section += &line(row.iter().map(|cell| cell.replace('<', "&lt;")));
    }
    if !table.note.is_empty() {
        section += &format!("\n{}\n", table.note);
    }
    section
}

/// A line of a Markdown table.
fn line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

fn grid(table: &Table, width: u16) -> String {
    let mut grid = Grid::new();
    grid.load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .force_no_tty();
    grid.set_header(table.heading.iter().map(|column| column.name()));
    for row in &table.rows {
        grid.add_row(row);
    }
    for (column, kind) in grid.column_iter_mut().zip(&table.heading) {
        column.set_padding((0, 0));
        if matches!(kind, Column::Figures(_)) {
            column.set_cell_alignment(CellAlignment::Right);
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    grid.trim_fmt()
}

/// Breaks a text between words.
fn wrapped(text: &str, width: u16) -> String {
    let mut grid = Grid::new();
    grid.load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .force_no_tty();
    grid.add_row([text]);
    if let Some(column) = grid.column_mut(0) {
        column.set_padding((0, 0));
    }
    grid.trim_fmt() + "\n"
}
