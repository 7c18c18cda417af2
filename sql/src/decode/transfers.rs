use jabber_archive_core::{Jid, Transfer};

use crate::connection::Value;

/// A row of `aft_log`, its values in the order of [`AFT_LOG`](crate::schema::AFT_LOG), if it is of an upload: a download tells nothing that the upload did not.
pub(crate) fn upload(row: &[Value]) -> Option<Transfer> {
    let [index, method, resource, path, name, from, to, server, size, transferred, sent] = row else { return None };
    if !text(method)?.trim().eq_ignore_ascii_case("post") {
        return None;
    }
    let filled = |value: &Value| text(value).filter(|text| !text.trim().is_empty()).map(str::to_owned);
    let mut transfer = Transfer::new(number(index).unwrap_or_default(), text(resource).unwrap_or_default());
    text(name).unwrap_or_default().clone_into(&mut transfer.name);
    transfer.from = text(from).and_then(Jid::parse);
    transfer.to = text(to).and_then(Jid::parse);
    transfer.server = filled(server);
    transfer.path = filled(path);
    transfer.size = number(size).or_else(|| number(transferred)).and_then(|size| u64::try_from(size).ok());
    transfer.sent = match sent {
        Value::Time(time) => Some(*time),
        _ => None,
    };
    Some(transfer)
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use jabber_archive_core::Timestamp;
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::schema::AFT_LOG;

    fn a_row() -> Vec<Value> {
        let text = |text: &str| Value::Text(text.to_owned());
        vec![
            Value::Int(4_711),
            text("POST "),
            text("x_plan.pdf"),
            text("/opt/mftFileStore/files/im/20261121/10/x_plan.pdf"),
            text("Plan & costs.pdf"),
            text("Alice@example.com/jabber_1"),
            text("q3@conference.example.com"),
            text("files1"),
            Value::Int(48_213),
            Value::Int(12),
            Value::Time(Timestamp::from_sql_datetime(46_345, 7)),
        ]
    }

    #[test]
    fn a_row_of_an_upload_says_what_lies_where() {
        let transfer = upload(&a_row()).unwrap();
        assert_eq!((transfer.index, transfer.resource.as_str(), transfer.name.as_str()), (4_711, "x_plan.pdf", "Plan & costs.pdf"));
        assert_eq!(transfer.path.as_deref(), Some("/opt/mftFileStore/files/im/20261121/10/x_plan.pdf"));
        assert_eq!(transfer.from.unwrap().to_string(), "alice@example.com/jabber_1");
        assert_eq!(transfer.to.unwrap().to_string(), "q3@conference.example.com");
        assert_eq!((transfer.server.as_deref(), transfer.size), (Some("files1"), Some(48_213)));
        assert_eq!(transfer.sent, Some(Timestamp::from_sql_datetime(46_345, 7)));
    }

    #[test]
    fn a_download_is_no_upload_and_an_old_row_lacks_what_it_lacks() {
        let mut row = a_row();
        row[1] = Value::Text("Get".to_owned());
        assert_eq!(upload(&row), None);
        let mut row = a_row();
        row[3] = Value::Text(" ".to_owned());
        for value in &mut row[4..] {
            *value = Value::Null;
        }
        row[9] = Value::Int(12);
        let transfer = upload(&row).unwrap();
        assert_eq!((transfer.name.as_str(), transfer.path, transfer.sent), ("", None, None));
        assert_eq!(transfer.size, Some(12), "what was transferred, where the size is not known");
        row[9] = Value::Int(-1);
        assert_eq!(upload(&row).unwrap().size, None);
    }

    proptest! {
        #[test]
        fn whatever_the_values_nothing_panics(row in vec(prop_oneof![
            Just(Value::Null), Just(Value::Other), Just(Value::Text("Post".to_owned())), any::<String>().prop_map(Value::Text),
            any::<i64>().prop_map(Value::Int),
        ], AFT_LOG.columns.len())) {
            if let Some(transfer) = upload(&row) {
                prop_assert!(matches!(&row[1], Value::Text(method) if method.trim().eq_ignore_ascii_case("post")));
                prop_assert!(transfer.path.is_none_or(|path| row[3] == Value::Text(path)));
            }
        }
    }
}
