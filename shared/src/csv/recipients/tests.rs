//! Tests that recipients are read from any spreadsheet, and that every fault is located without its value.

use proptest::prelude::*;

use super::*;
use crate::csv::TableWriter;

fn read(text: impl AsRef<[u8]>) -> Result<Vec<RecipientRow>, RefusedRecipients> {
    read_recipients(text.as_ref(), Bounds::REQUEST)
}

fn refused(text: impl AsRef<[u8]>) -> RefusedRecipients {
    read(text).map(drop).expect_err("refused recipients")
}

/// The faults as an operator sees them.
fn faults(text: impl AsRef<[u8]>) -> Vec<String> {
    let refused = refused(text);
    assert_eq!(refused.count, refused.faults.len());
    refused.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn row_gives_a_recipient_with_its_fields_variables_and_metadata() {
    let text = "External ID;Phone Number;Time Zone;First Name;Amount;metadata.Order\r\n\
                a-1;+12125550123;America/New_York;Zoë;\"1,50\";A-17\r\n\
                ;;;;;\r\n\
                ;+12125550124;;;;\r\n";
    let rows = read(text).unwrap();
    let lines: Vec<_> = rows.iter().map(|row| row.line).collect();
    assert_eq!(lines, [2, 4]);
    let json = serde_json::to_value(&rows[0].recipient).unwrap();
    let wanted = serde_json::json!({
        "to_number": "+12125550123", "external_id": "a-1", "time_zone": "America/New_York",
        "variables": {"first_name": "Zoë", "amount": "1,50"}, "metadata": {"Order": "A-17"},
    });
    assert_eq!(json, wanted);
    let json = serde_json::to_value(&rows[1].recipient).unwrap();
    assert_eq!(json, serde_json::json!({"to_number": "+12125550124"}));
}

#[test]
fn any_spreadsheet_is_read() {
    let utf_16: Vec<u8> = "\u{feff}to_number\tname\n+12125550123\tAda\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for text in [
        "to_number,name\n+12125550123,Ada\n".as_bytes(),
        "\u{feff}sep=;\r\nto_number;name\r\n+12125550123;Ada".as_bytes(),
        b"TO NUMBER|Name|\r+12125550123|Ada|\r",
        b"\n,,\nname,phone,,\n\"Ada\",=\"+12125550123\",,,\n\n",
        b"name,phone\n Ada , '+12125550123\n",
        b"name,phone\n\"=\"\"Ada\"\"\",+12125550123\n",
        &utf_16,
    ] {
        let rows = read(text).unwrap_or_else(|error| panic!("{error}: {}", text.escape_ascii()));
        assert_eq!(rows.len(), 1);
        let recipient = &rows[0].recipient;
        assert_eq!(recipient.to_number.as_str(), "+12125550123");
        assert_eq!(recipient.variables.entries()["name"], "Ada");
    }
}

#[test]
fn every_fault_of_every_row_is_located_without_its_value() {
    let long = "x".repeat(1_001);
    let text = format!(
        "to_number,external_id,time_zone,name,metadata.a\n\
         1.3105550199E+10,1.23457E+11,Mars,{long},b\n\n\
         13105550199,,,\"a\nb\",\n\
         +12125550123,,,ok,\n\
         +12125550123,a\n\
         ,x,UTC,,{}\n",
        "y".repeat(3_000)
    );
    let refused = refused(&text);
    let told: Vec<_> = refused
        .faults
        .iter()
        .map(|fault| (fault.line, fault.path(), fault.message.clone()))
        .collect();
    let wanted = [
        (2, "0.to_number", "is in scientific notation"),
        (2, "0.external_id", "is in scientific notation"),
        (2, "0.time_zone", "must be an IANA"),
        (2, "0.variables.name", "must have at most 1000"),
        (4, "1.to_number", "must be a phone number"),
        (4, "1", "continues to line 5"),
        (7, "3", "has 2 fields, but the header has 5"),
        (8, "4.to_number", "must be a phone number"),
        (8, "4.metadata", "must have at most 2048 bytes"),
    ];
    for (told, (line, path, message)) in told.iter().zip(wanted) {
        assert_eq!((told.0, &*told.1), (line, path));
        assert!(told.2.starts_with(message), "{told:?}");
        assert!(!told.2.contains("3105550199") && !told.2.contains("Mars"));
    }
    assert_eq!(told.len(), wanted.len(), "{told:?}");
}

#[test]
fn row_that_swallows_others_in_quotes_is_refused() {
    for text in [
        "phone,name\n+12125550101,\"Ada\n+12125550102,Bob\n+12125550103,Eve\"\n+12125550104,Joe\n",
        "name;phone;city\n\"Ada;+12125550101;A\n'Bob;+12125550102;B\nEve\";+12125550103;C\n",
        "phone,name\n+12125550101,\"Ada\n+12125550102,\"\"Bob\"\"\"\n",
        "phone,name\n+12125550101,\"Ada\n+12125550102,Bob\",,\n",
    ] {
        let said = faults(text);
        let wanted = "line 2: the row continues in quotes over line 3, which is a row itself: close the quote before it";
        assert_eq!(said[0], wanted, "{text}");
        assert!(
            said[1].starts_with("line 2: the row continues to line "),
            "{said:?}"
        );
        assert_eq!(said.len(), 2, "{said:?}");
    }
    for text in [
        "phone,note\n+12125550101,\"Call back:\n+12125550102\nor write, please\"\n",
        "phone,note\n+12125550101,\"a\n12125550102,b\n\"\n",
        "phone\n\"+12125550101\n\"\n",
    ] {
        assert_eq!(read(text).unwrap().len(), 1, "{text}");
    }
}

#[test]
fn scientific_ids_are_refused_only_if_excel_rounded_them() {
    for id in ["4E11", "1e5", "12345", "1.5", "E+5"] {
        assert!(
            read(format!("phone,external_id\n+12125550123,{id}\n")).is_ok(),
            "{id}"
        );
    }
    let said = faults("phone,external_id\n+12125550123,4E+11\n");
    assert!(said[0].starts_with("line 2: external_id is in scientific"));
}

#[test]
fn reading_is_bounded() {
    let rows = |count: usize| format!("phone\n{}", "+12125550123\n".repeat(count));
    assert_eq!(read(rows(1_000)).unwrap().len(), 1_000);
    let stopped = refused(rows(1_001)).stopped.unwrap();
    assert_eq!(
        stopped.to_string(),
        "there are more than 1000 rows with a value: split them"
    );
    assert_eq!(
        read_recipients(rows(1_001).as_bytes(), Bounds::BATCH)
            .unwrap()
            .len(),
        1_001
    );

    let text = format!("phone\n+12125550123\n{}", "\n".repeat(4 * 1024 * 1024));
    let stopped = refused(&text).stopped.unwrap();
    assert_eq!(
        stopped.to_string(),
        "the text is longer than 4194304 bytes: split it"
    );

    let bad = format!("phone,time_zone\n{}", "1,x\n".repeat(1_000));
    let refused = refused(bad);
    assert_eq!((refused.faults.len(), refused.count), (1_000, 2_000));
    assert!(refused.stopped.is_none());
}

#[test]
fn file_without_recipients_or_with_an_open_quote_is_refused() {
    for text in ["phone", "phone\n", "phone\n\n,\n"] {
        let stopped = refused(text).stopped.unwrap().to_string();
        assert_eq!(stopped, "there is no row with a value below the header");
    }
    let refused = refused("phone,name\n1,Ada\n\"+12125550123,Bob\n+12125550124,Eve\n");
    assert_eq!(refused.count, 1);
    let stopped = refused.stopped.unwrap().to_string();
    assert!(stopped.starts_with("line 3: a quote opens here and is never closed"));
}

proptest! {
    /// A batch's results, written as CSV, are recipients again.
    #[test]
    fn written_recipients_are_read_back(
        numbers in prop::collection::vec("\\+[1-9][0-9]{6,14}", 1..5),
        ids in prop::collection::vec("[='+@-]?[!-~é]{1,10}", 5),
        values in prop::collection::vec("[='+@-]{0,2}[ -~\u{a1}-\u{17f}\n]{0,12}", 5),
    ) {
        let mut writer = TableWriter::new(Vec::new(), &["to_number", "external_id", "name"]).unwrap();
        let written: Vec<_> = numbers.iter().zip(ids.iter().zip(&values)).collect();
        prop_assume!(ids.iter().all(|id| !id.contains("E+")));
        for (number, (id, value)) in &written {
            writer.row([Some(number.as_str()), Some(id.as_str()), Some(value.trim())]).unwrap();
        }
        let rows = read(writer.finish().unwrap()).unwrap();
        prop_assert_eq!(rows.len(), written.len());
        for (row, (number, (id, value))) in rows.iter().zip(written) {
            prop_assert_eq!(row.recipient.to_number.as_str(), number);
            prop_assert_eq!(row.recipient.external_id.as_ref().unwrap().as_str(), id);
            let name = row.recipient.variables.entries().get("name");
            prop_assert_eq!(name.map_or("", String::as_str), value.trim());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let _ = read([b"phone,name\n", &bytes[..]].concat());
    }
}
