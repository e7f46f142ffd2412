//! Tests that a table is read as it was written, whatever wrote it.

use proptest::prelude::*;

use super::*;
use crate::csv::{is_blank, letters};

fn is_known(name: &str) -> bool {
    ["name", "email", "phonenumber"].contains(&&*letters(name))
}

fn encode(text: &str, encoding: usize) -> Vec<u8> {
    let units = || std::iter::once(0xFEFF).chain(text.encode_utf16());
    match encoding {
        0 => text.as_bytes().to_vec(),
        1 => format!("\u{feff}{text}").into_bytes(),
        2 => units().flat_map(u16::to_le_bytes).collect(),
        _ => units().flat_map(u16::to_be_bytes).collect(),
    }
}

#[test]
fn empty_cells_at_the_end_are_not_counted() {
    let text = "name,email,phone_number,,\nAda,a@example.com,1,,,\nBob,,\n,,,,,\n";
    let mut table = Table::open(Lines::new(text.as_bytes()), is_known).unwrap();
    assert_eq!(table.names(), ["name", "email", "phone_number"]);
    let ada = table.next_row().unwrap().unwrap();
    assert_eq!((ada.cells.len(), ada.misshapen()), (3, None));
    let bob = table.next_row().unwrap().unwrap();
    assert_eq!((bob.cells.len(), bob.misshapen()), (3, None));
    let blank = table.next_row().unwrap().unwrap();
    assert!(blank.is_blank() && blank.misshapen().is_none());
    assert!(table.next_row().unwrap().is_none());
}

proptest! {
    /// Covers any cells, delimiter, line end, encoding and blanks, with quotes around all cells or only where needed.
    #[test]
    fn every_table_is_read_as_it_was_written(
        cells in prop::collection::vec(prop::array::uniform3("[ -~\u{a0}-\u{17f}\u{1F600}-\u{1F64F}\n]{0,12}"), 0..8),
        delimiter in prop::sample::select(vec![',', ';', '\t', '|']),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        blank in prop::sample::select(vec!["", " ", "\u{a0}", "\u{200b}"]),
        encoding in 0_usize..4,
        quotes_all in any::<bool>(),
    ) {
        let written = |cell: &String| {
            let needs = cell.contains(['"', '\n', delimiter]);
            let cell = cell.replace('"', "\"\"");
            if quotes_all || needs { format!("{blank}\"{cell}\"{blank}") } else { format!("{blank}{cell}{blank}") }
        };
        let row = |cells: &[String]| {
            let cells: Vec<_> = cells.iter().map(written).collect();
            format!("{}{end}", cells.join(&delimiter.to_string()))
        };
        let header = ["name", "email", "phone_number"].map(str::to_owned);
        let text = std::iter::once(row(&header)).chain(cells.iter().map(|cells| row(cells)));
        let bytes = encode(&text.collect::<String>(), encoding);
        let mut table = Table::open(Lines::new(&bytes[..]), is_known).unwrap();
        prop_assert_eq!(table.delimiter, delimiter);
        for wanted in &cells {
            let first = table.lines.next_line().unwrap().unwrap();
            let record = record(&mut table.lines, delimiter, first, 0).unwrap();
            prop_assert!(!record.is_malformed);
            let wanted: Vec<_> = wanted.iter().map(|cell| cell.trim_matches(is_blank)).collect();
            prop_assert_eq!(record.cells, wanted);
        }
        prop_assert!(table.next_row().unwrap().is_none());
    }
}
