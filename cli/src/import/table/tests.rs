//! Tests that a table is read as a spreadsheet wrote it, and that damage is located and explained.

use outdial::csv::CsvError;
use proptest::prelude::*;

use super::*;

const HEADER: &str = "name,email,phone_number\n";
const BOB: &str = "Bob,bob@example.com,+12125550124";

/// Each row with its line: a user's name, the faults, or `None` for a blank row.
type Rows = Vec<(u64, Option<Result<String, Vec<String>>>)>;

fn rows_of<R: Read>(table: &mut Table<R>) -> Result<Rows> {
    let mut rows = Vec::new();
    while let Some(row) = table.next()? {
        let content = match row.content {
            Content::Blank => None,
            Content::User(user) => Some(Ok(user.name.as_str().to_owned())),
            Content::Refused(faults) => {
                let faults = faults.into_iter();
                Some(Err(faults
                    .map(|fault| format!("{} {}", fault.field, fault.message))
                    .collect()))
            }
        };
        rows.push((row.line, content));
    }
    Ok(rows)
}

fn read(text: impl AsRef<[u8]>) -> Rows {
    rows_of(&mut Table::open(Lines::new(text.as_ref())).unwrap()).unwrap()
}

/// Returns the error that stops the reading, and the number of rows read before.
fn stop(text: &str) -> (usize, String) {
    let mut table = Table::open(Lines::new(text.as_bytes())).unwrap();
    for count in 0.. {
        if let Err(error) = table.next() {
            return (count, error.to_string());
        }
    }
    unreachable!("an iterator has an end")
}

fn faults(text: impl AsRef<[u8]>) -> Vec<String> {
    match read(text).pop() {
        Some((_, Some(Err(faults)))) => faults,
        other => panic!("{other:?} is not refused"),
    }
}

#[test]
fn row_is_numbered_by_its_first_line() {
    let rows = read(
        "\u{feff}email,name,phone_number\r\nada@example.com,\"Ada \"\"the\nCountess\"\"\",+12125550123\r\n\r\n\
         bob@example.com,Bob,+12125550124\nbob,Bob,12\n",
    );
    let numbers: Vec<_> = rows.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [2, 4, 5, 6]);
    let refused = |row: usize| rows[row].1.clone().unwrap().unwrap_err();
    assert_eq!(
        refused(0),
        [
            "name must not contain control characters",
            "the line continues to line 3 in quotes"
        ]
    );
    assert_eq!(rows[1].1, None);
    assert_eq!(rows[2].1, Some(Ok("Bob".to_owned())));
    assert_eq!(refused(3).len(), 2);
    assert!(refused(3)[0].starts_with("email must be"));
    assert!(refused(3)[1].starts_with("phone_number must be"));
}

#[test]
fn spreadsheets_in_any_language_are_read() {
    let ada = "Ada;ada@example.com;+12125550123";
    for text in [
        format!("name;email;phone_number\n{ada}\n"),
        format!("sep=;\r\nname;email;phone_number\r\n{ada}\r\n"),
        format!("\u{feff}sep=;\nName;E-Mail;Phone Number\n{ada}"),
        format!("name\temail\tphone_number\r{}\r", ada.replace(';', "\t")),
        format!("name | email | phone_number\n{}\n", ada.replace(';', " | ")),
        format!("NAME, \"email\" , Phone_Number\n{}\n", ada.replace(';', ", ")),
        format!("\n;;\nname;email;phone_number;;\n{ada};;\n"),
        "name,email,phone_number\n\u{a0}Ada\u{202f}, \"ada@example.com\"\u{a0},\u{202a}+12125550123\u{202c}".to_owned(),
    ] {
        let rows = read(&text);
        assert_eq!(rows.len(), 1, "{text:?}");
        assert_eq!(rows[0].1, Some(Ok("Ada".to_owned())), "{text:?}");
    }
}

#[test]
fn rows_without_a_value_are_blank() {
    let text = format!("{HEADER},,\n{BOB}\n\n \u{a0} , \"\",\t\n,,,,,,\n");
    let contents: Vec<_> = read(text).into_iter().map(|(_, content)| content).collect();
    let bob = Some(Ok("Bob".to_owned()));
    assert_eq!(contents, [None, bob, None, None, None]);
}

#[test]
fn time_zone_may_be_empty_and_row_of_another_width_is_refused() {
    let ada = "Ada,ada@example.com,+12125550123";
    let header = "name,email,phone_number,time_zone\n";
    let user_of = |row: &str| read(format!("{header}{row}\n")).remove(0).1.unwrap();
    for row in ["", "Europe/London", " ", ",,"] {
        assert!(user_of(&format!("{ada},{row}")).is_ok(), "{row:?}");
    }
    assert!(user_of(&format!("{ada},Mars")).unwrap_err()[0].starts_with("time_zone must be"));
    for (row, count) in [
        (ada.to_owned(), 3),
        (format!("{ada},,x"), 5),
        (format!("{ada},,,x,"), 6),
    ] {
        let wanted = format!("the line has {count} fields, but the header has 4");
        assert_eq!(user_of(&row), Err(vec![wanted]), "{row}");
    }
}

#[test]
fn number_changed_by_a_spreadsheet_is_explained() {
    let number = |text: &str| {
        faults(format!(
            "name;email;phone_number\nAda;ada@example.com;{text}\n"
        ))
    };
    for text in [
        "1.21256E+10",
        "1,21256E+10",
        "1.21256e+10",
        "4E11",
        "+1.21256E+10",
    ] {
        let said = number(text).concat();
        assert!(
            said.starts_with("phone_number is in scientific notation"),
            "{said}"
        );
        assert!(
            said.contains("Excel") && !said.contains(&format!("{text} ")),
            "{said}"
        );
    }
    for text in ["12125550123", "12125550123.0"] {
        let said = number(text).concat();
        assert!(said.contains("it lacks the +"), "{said}");
    }
    for text in ["", "E", "E5", "1E", "+1 212 555 0123", "1.2.E5"] {
        let said = number(text);
        assert_eq!(
            said,
            ["phone_number must be a phone number in E.164 format, for example +12125550123"]
        );
    }
}

#[test]
fn unclosed_quote_is_located_by_its_line() {
    let open = "\"Ada,ada@example.com,+12125550123";
    let text = format!("{HEADER}{BOB}\n{open}\n{BOB}\n{BOB}\n");
    let (rows, error) = stop(&text);
    assert_eq!(rows, 1);
    let wanted = "line 3: a quote opens here and is never closed: lines 3 to 5 were not imported";
    assert_eq!(error, wanted);

    // The quote opens on the second line of its row.
    let text = format!("{HEADER}\"A\nda\",\"ada@example.com\n{BOB}\n");
    let (rows, error) = stop(&text);
    assert_eq!(rows, 0);
    assert!(error.starts_with("line 3: a quote opens here"), "{error}");
    assert!(error.contains("lines 2 to 4"), "{error}");

    let long = format!("{HEADER}{open}\n{}", format!("{BOB}\n").repeat(100_000));
    let (_, error) = stop(&long);
    assert!(
        error.starts_with("line 2: a quote opens here and is not closed within"),
        "{error}"
    );

    let in_header = Table::open(Lines::new("name,\"email,phone_number\n".as_bytes()));
    let error = in_header.map(drop).unwrap_err().to_string();
    assert!(error.starts_with("line 1: a quote opens here"), "{error}");
}

#[test]
fn row_that_swallows_lines_in_quotes_is_refused() {
    let text = format!(
        "{HEADER}\"Ada,ada@example.com,+12125550123\n{BOB}\n\"Eve\",eve@example.com,+12125550125\n{BOB}\n"
    );
    let rows = read(text);
    assert_eq!(rows.len(), 2);
    let refused = rows[0].1.clone().unwrap().unwrap_err();
    assert!(
        refused[0].starts_with("the line has text after a closing quote"),
        "{refused:?}"
    );
    assert_eq!(refused[1], "the line continues to line 4 in quotes");
    assert_eq!(rows[1], (5, Some(Ok("Bob".to_owned()))));
}

#[test]
fn other_encodings_are_named() {
    let latin_1 = b"name,email,phone_number\nZo\xeb,ada@example.com,+12125550123\n";
    assert!(faults(latin_1)[0].contains("save the file as \"CSV UTF-8\""));
    for file in [
        &b"PK\x03\x04\x14\x00\x06\x00"[..],
        b"n\0a\0m\0e\0,\0e\0m\0a\0i\0l\0",
        b"\xff\xfe\x00\x00n\x00\x00\x00",
        b"n\xe4me,email",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    ] {
        let error = Table::open(Lines::new(file)).map(drop).unwrap_err();
        assert_eq!(error.to_string(), CsvError::NotText.to_string(), "{file:?}");
    }
    let nul = faults("name,email,phone_number\nA\0da,ada@example.com,+12125550123\n");
    assert_eq!(nul, ["name must not contain control characters"]);
}

#[test]
fn header_is_required_and_rows_are_not() {
    for text in ["", "\n", "\u{feff}", ",,,\n\n", "sep=;"] {
        let error = Table::open(Lines::new(text.as_bytes())).map(drop);
        assert_eq!(
            error.unwrap_err().to_string(),
            "the header lacks name",
            "{text:?}"
        );
    }
    for text in ["name,email,phone_number", HEADER] {
        assert_eq!(read(text), [], "{text:?}");
    }
}

proptest! {
    /// For any bytes, each row is a user, blank or refused, or the file is refused.
    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let file = [HEADER.as_bytes(), &bytes].concat();
        let _ = Table::open(Lines::new(&file[..])).and_then(|mut table| rows_of(&mut table));
        let _ = Table::open(Lines::new(&bytes[..]));
    }
}
