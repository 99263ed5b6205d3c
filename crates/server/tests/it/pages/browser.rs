//! A browser as far as the pages need one: it keeps a cookie, sends forms, and says where they come from.

use keywright_testkit::{Call, TestServer, Whole};

use crate::oauth::scene::form;

/// A browser with its cookie.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookie: Option<String>,
}

impl Browser {
    /// One in which that mailbox is signed in.
    pub(crate) async fn signed_in(server: &TestServer, mailbox: &str) -> Self {
        let mut browser = Self::default();
        browser.signs_in(server, mailbox, "/account").await;
        browser
    }

    /// Signs in: the answer that sends it on.
    pub(crate) async fn signs_in(&mut self, server: &TestServer, mailbox: &str, next: &str) -> Whole {
        let mailed = self.post(server, "/login", &[("email", mailbox), ("next", next)]).await;
        assert_eq!(mailed.status, 303, "{}", mailed.text());
        let on = mailed.header("location").expect("a page").to_owned();
        let page = self.get(server, &on).await;
        let code = server.code_for(mailbox);
        let token = hidden(&page, "form");
        let next = hidden(&page, "next");
        let fields = [("form", token.as_str()), ("next", &next), ("code", &code)];
        let answer = self.post(server, "/login/code", &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer
    }

    /// Opens a page.
    pub(crate) async fn get(&self, server: &TestServer, path: &str) -> Whole {
        server.call(self.with_cookie(Call::get(path))).await
    }

    /// Sends a form of a page of ours.
    pub(crate) async fn post(&mut self, server: &TestServer, path: &str, fields: &[(&str, &str)]) -> Whole {
        let call = form(path, fields).header("sec-fetch-site", "same-origin").header("origin", "null");
        let answer = server.call(self.with_cookie(call)).await;
        if let Some(set) = answer.header("set-cookie") {
            let pair = set.split(';').next().unwrap_or_default();
            self.cookie = Some(pair.to_owned()).filter(|pair| !pair.ends_with('='));
        }
        answer
    }

    fn with_cookie(&self, call: Call) -> Call {
        match &self.cookie {
            Some(cookie) => call.header("cookie", cookie),
            None => call,
        }
    }
}

/// What a browser would send of the form that lets somebody in, if nothing is changed in it.
pub(crate) fn filled_in(page: &Whole) -> Vec<(String, String)> {
    let text = page.text();
    let start = text.rfind("<form").expect("a form");
    let mut fields = Vec::new();
    let mut select = None;
    for tag in text[start..].split('<').skip(1) {
        let attribute = |name: &str| {
            let at = tag.find(&format!(" {name}=\""))? + name.len() + 3;
            Some(tag[at..at + tag[at..].find('"')?].replace("&#38;", "&"))
        };
        let named = || attribute("name").expect("a name");
        let value = || attribute("value").unwrap_or_default();
        match (tag.split([' ', '>']).next(), attribute("type").as_deref()) {
            (Some("input"), Some("checkbox" | "radio")) if !tag.contains(" checked") => {}
            (Some("input"), _) => fields.push((named(), value())),
            (Some("select"), _) => select = attribute("name"),
            (Some("option"), _) if tag.contains(" selected") => {
                fields.push((select.clone().expect("a select"), value()));
            }
            _ => {}
        }
    }
    fields
}

/// Fields with some of them changed or, without a value, left out.
pub(crate) fn changed<'f>(
    fields: &'f [(String, String)],
    changes: &[(&'f str, Option<&'f str>)],
) -> Vec<(&'f str, &'f str)> {
    let kept = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let kept = kept.filter(|(name, _)| !changes.iter().any(|(other, _)| other == name));
    kept.chain(changes.iter().filter_map(|(name, value)| Some((*name, (*value)?)))).collect()
}

/// The value of a hidden field.
pub(crate) fn hidden(page: &Whole, name: &str) -> String {
    let text = page.text();
    let mark = format!("name=\"{name}\" value=\"");
    let at = text.find(&mark).unwrap_or_else(|| panic!("no {name} in {text}")) + mark.len();
    let value = &text[at..at + text[at..].find('"').expect("an end")];
    value.replace("&#38;", "&").replace("&amp;", "&")
}

/// The value of the first organization to choose.
pub(crate) fn organization(page: &Whole) -> String {
    hidden(page, "organization")
}

/// Asserts the headers that every page has: checklist 1.1.22, abuse cases 40 and 139.
#[track_caller]
pub(crate) fn assert_page(answer: &Whole, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    assert_eq!(answer.headers["x-frame-options"], "DENY");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    let policy = answer.header("content-security-policy").expect("a policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'sha256-"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(
        !policy.contains("unsafe") && !answer.text().contains("<script") && !answer.text().contains("<img")
    );
}
