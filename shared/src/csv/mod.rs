//! Tables as people's spreadsheets write them.
//!
//! [`Table`] reads the rows of a file or of a request's body: any of the usual delimiters, line ends and encodings. It locates what
//! it can't read, and repeats no cell in an error. [`read_recipients`] reads the recipients of a batch. [`TableWriter`] writes a table
//! that a spreadsheet opens without evaluating a cell, and that [`Table`] reads back.
//!
//! Only programs that call this module link it and its crates.

mod cells;
mod delimiter;
mod error;
mod marks;
mod phone_number;
mod recipients;
mod syntax;
mod table;
mod text;
mod writer;

pub use error::CsvError;
pub use phone_number::phone_number;
pub use recipients::{
    Bounds, RecipientRow, RefusedRecipients, RowFault, RowParts, read_recipients,
};
pub use syntax::{DELIMITER_NAMES, is_blank, letters};
pub use table::{Record, Table};
pub use text::{Line, Lines};
pub use writer::TableWriter;
