//! What a server says to programs, in words for people: next actions name the fields of their answer, and
//! people see no fields.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::table::printable;

type Details = BTreeMap<String, Value>;

/// A next action with the facts in the place of the fields that it names. What speaks of a fact that is not
/// there is left out, if something is left.
pub(crate) fn for_people(hint: &str, details: &Details) -> String {
    let clauses: Vec<&str> = hint.split("; ").collect();
    let told: Vec<String> = clauses.iter().filter_map(|clause| clause_for_people(clause, details)).collect();
    let mut told = match told.is_empty() {
        true => hint.replace("`details.retryInSeconds` seconds", "a moment"),
        false => told.join("; "),
    };
    if hint.ends_with('.') && !told.ends_with('.') {
        told.push('.');
    }
    told
}

/// Whether the fact stands in one of the next actions itself, so that it need not be listed.
pub(crate) fn is_told(name: &str, value: &Value, hints: &[String]) -> bool {
    let field = format!("`details.{name}`");
    !value.is_array() && hints.iter().any(|hint| hint.contains(&field))
}

/// A fact as people read it: of an object what is in it.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            // What it is called by comes first.
            let (ids, others): (Vec<_>, Vec<_>) =
                fields.iter().partition(|(name, _)| *name == "id" || name.ends_with("Id"));
            ids.into_iter().chain(others).map(|(_, value)| text_of(value)).collect::<Vec<_>>().join("  ")
        }
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

fn clause_for_people(clause: &str, details: &Details) -> Option<String> {
    let mut told = clause.to_owned();
    for (fields, words) in COMMAND_LINE {
        told = told.replace(fields, words);
    }
    while let Some(field) = first_field(&told) {
        let value =
            details.get(&field.name).filter(|value| value.as_array().is_none_or(|all| !all.is_empty()));
        let (before, after) = (told.get(..field.start)?, told.get(field.end..)?);
        told = match (field.name.as_str(), value?) {
            ("retryInSeconds", Value::Number(number)) => {
                let unit = if number.as_i64() == Some(1) { "second" } else { "seconds" };
                format!("{before}{number} {unit}{}", after.strip_prefix(" seconds").unwrap_or(after))
            }
            ("attemptsRemaining", Value::Number(number)) => match number.as_i64() {
                Some(1) => "one try is left".to_owned(),
                _ => format!("{number} tries are left"),
            },
            // The list has been printed.
            (name, Value::Array(_)) => match before.strip_suffix(" in ") {
                Some(before) => format!("{before} above{after}"),
                None => format!("{before}the {} above{after}", in_words(name)),
            },
            (_, value) => {
                let before = [" named in ", " in "].iter().find_map(|words| before.strip_suffix(words));
                let before = before.map(|before| format!("{before} "));
                let start = before.as_deref().unwrap_or(told.get(..field.start)?);
                format!("{start}{}{after}", printable(&text_of(value)))
            }
        };
    }
    Some(told)
}

/// Where a field stands, with its quotation marks.
struct Field {
    name: String,
    start: usize,
    end: usize,
}

fn first_field(text: &str) -> Option<Field> {
    const BEGUN: &str = "`details.";
    let start = text.find(BEGUN)?;
    let name = text.get(start + BEGUN.len()..)?.split('`').next()?;
    Some(Field { name: name.to_owned(), start, end: start + BEGUN.len() + name.len() + 1 })
}

/// `validScopes` as people write it.
fn in_words(name: &str) -> String {
    let word = |c: char| if c.is_uppercase() { format!(" {}", c.to_lowercase()) } else { c.to_string() };
    name.chars().map(word).collect()
}

/// What is a field of a request over HTTP is something else on the command line.
const COMMAND_LINE: [(&str, &str); 3] = [
    (" in `revokeKeys`, on the command line with `--revoke-key ID`", " in `--revoke-key ID`"),
    ("fewer of `details.keys` in `keepKeys`", "`--no-upgrade`"),
    ("`details.keys` of MAX_API_KEYS_REACHED", "the keys that were listed"),
];

#[cfg(test)]
mod tests {
    use keywright_protocol::ErrorCode;
    use serde_json::json;

    use super::*;

    fn told(code: ErrorCode, details: Value) -> String {
        for_people(code.next_action(), &serde_json::from_value(details).unwrap())
    }

    #[test]
    fn facts_stand_in_the_place_of_fields() {
        for (code, details, words) in [
            (ErrorCode::EmailRateLimited, json!({"retryInSeconds": 17}), "Wait for 17 seconds."),
            (ErrorCode::EmailRateLimited, json!({"retryInSeconds": 1}), "Wait for 1 second."),
            (
                ErrorCode::OtpInvalid,
                json!({"attemptsRemaining": 4}),
                "Read the mail again and repeat the command; 4 tries are left.",
            ),
            (ErrorCode::OtpInvalid, json!({}), "Read the mail again and repeat the command."),
            (
                ErrorCode::OrganizationNotMember,
                json!({"organizations": [{"id": "org_a"}]}),
                "Choose one of the organizations above with `--organization-id ID`; the code is still good.",
            ),
            (
                ErrorCode::UserHasNoOrganization,
                json!({"invitations": []}),
                "Sign up to make one: `keywright auth signup-request --email EMAIL`.",
            ),
            (
                ErrorCode::InsufficientScope,
                json!({"required": "usage:read"}),
                "Use a token with the scope usage:read, made with `keywright tokens create --scope`.",
            ),
        ] {
            assert_eq!(told(code, details), words);
        }
    }

    #[test]
    fn no_next_action_names_a_field_where_the_server_gave_it() {
        for &code in ErrorCode::ALL {
            let named = code.next_action().split("`details.").skip(1);
            let names: Vec<&str> = named.map(|rest| rest.split('`').next().unwrap()).collect();
            for value in [json!(7), json!("x"), json!(["x"])] {
                let details: BTreeMap<&str, Value> =
                    names.iter().map(|&name| (name, value.clone())).collect();
                let told = told(code, json!(details));
                assert!(!told.contains("details.") && !told.contains("in 7 "), "{told}");
            }
        }
    }
}
