//! What a Secret holds, as text.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The decoded data of a Secret, without line breaks at the ends, which editors leave there. A key that is not text is none
/// that anybody asks for.
pub(crate) fn data(secret: &Value) -> BTreeMap<String, String> {
    let decoded = |value: &Value| String::from_utf8(STANDARD.decode(value.as_str()?).ok()?).ok();
    let entries = secret["data"].as_object().into_iter().flatten();
    entries
        .filter_map(|(key, value)| Some((key.clone(), decoded(value)?.trim_end_matches(['\r', '\n']).to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_decoded_and_end_without_line_breaks() {
        let secret = json!({"data": {"token": "aHVudGVyMg0K", "binary": "/w==", "broken": "?", "odd": 1}});
        assert_eq!(data(&secret), BTreeMap::from([("token".to_owned(), "hunter2".to_owned())]));
        assert_eq!(data(&json!({})), BTreeMap::new());
    }
}
