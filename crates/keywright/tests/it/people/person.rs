//! A person with a mailbox and a browser without scripts: opens pages, fills in their forms and presses buttons.

use std::net::SocketAddr;

use url::Url;
use url::form_urlencoded::Serializer;

use crate::call::{Answer, Call};
use crate::home::Home;
use crate::postbox;

/// The person.
pub(crate) struct Person<'a> {
    pages: SocketAddr,
    server_home: &'a Home,
    mailbox: String,
    cookie: Option<String>,
}

impl<'a> Person<'a> {
    /// One whom the pages do not know yet.
    pub(crate) fn new(pages: SocketAddr, server_home: &'a Home, mailbox: &str) -> Self {
        Self { pages, server_home, mailbox: mailbox.to_owned(), cookie: None }
    }

    /// Opens a page.
    #[track_caller]
    pub(crate) fn opens(&mut self, path: &str) -> Page {
        self.sends(Call::get(self.pages, path))
    }

    /// Opens a page that only people who are signed in see, and signs in on the way if need be.
    #[track_caller]
    pub(crate) fn goes_to(&mut self, path: &str) -> Page {
        let page = self.opens(path);
        if page.0.status != 303 {
            return page;
        }
        let sign_in = self.opens(page.leads_to());
        let mailbox = self.mailbox.clone();
        let mailed = self.presses(&sign_in, "/login", &[("email", &mailbox)]);
        let enter = self.opens(mailed.leads_to());
        let code = postbox::code(self.server_home, &mailbox);
        let on = self.presses(&enter, "/login/code", &[("code", &code)]);
        self.opens(on.leads_to())
    }

    /// Sends the form of a page that goes to that path, with what was typed, ticked or pressed.
    #[track_caller]
    pub(crate) fn presses(&mut self, page: &Page, action: &str, chosen: &[(&str, &str)]) -> Page {
        let (target, mut fields) = page.form(action);
        for (name, value) in chosen {
            fields.retain(|(known, _)| known != name);
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        // A page that sends no referrer makes the browser say this.
        let call = Call::form(self.pages, &target, &body).header("origin", "null");
        self.sends(call.header("sec-fetch-site", "same-origin"))
    }

    /// Lets the program in that wants this address opened; where it sends the browser.
    #[track_caller]
    pub(crate) fn lets_in(&mut self, url: &Url) -> Url {
        self.decides(url, &[("decision", "allow")])
    }

    /// The same, with what is chosen on the page.
    #[track_caller]
    pub(crate) fn decides(&mut self, url: &Url, chosen: &[(&str, &str)]) -> Url {
        let page = self.goes_to(&url[url::Position::BeforePath..]);
        self.presses(&page, "/oauth/authorize", chosen).leads_to().parse().unwrap()
    }

    /// The page that shows which device waits with that code.
    #[track_caller]
    pub(crate) fn looks_up(&mut self, code: &str) -> Page {
        let page = self.goes_to("/device");
        self.presses(&page, "/device", &[("user_code", code)])
    }

    /// Lets the device in that shows that code.
    #[track_caller]
    pub(crate) fn approves(&mut self, code: &str) {
        let page = self.looks_up(code);
        let done = self.presses(&page, "/device", &[("decision", "allow")]);
        assert_eq!(done.0.status, 200, "{}", done.text());
    }

    /// Ends the first session on the list.
    #[track_caller]
    pub(crate) fn ends_a_session(&mut self) {
        let page = self.goes_to("/account");
        let id = page.button("end");
        let done = self.presses(&page, "/account", &[("end", &id)]);
        assert_eq!(done.0.status, 303, "{}", done.text());
    }

    #[track_caller]
    fn sends(&mut self, call: Call) -> Page {
        let answer = match &self.cookie {
            Some(cookie) => call.header("cookie", cookie).send(),
            None => call.send(),
        };
        if let Some(set) = answer.headers.get("set-cookie") {
            self.cookie = set.split(';').next().map(str::to_owned);
        }
        Page(answer)
    }
}

/// What the browser shows.
pub(crate) struct Page(pub(crate) Answer);

impl Page {
    pub(crate) fn text(&self) -> String {
        unescaped(&self.0.text())
    }

    #[track_caller]
    fn leads_to(&self) -> &str {
        assert_eq!(self.0.status, 303, "{}", self.text());
        &self.0.headers["location"]
    }

    /// The value of the first button of that name.
    #[track_caller]
    pub(crate) fn button(&self, name: &str) -> String {
        let text = self.0.text();
        let buttons = tags(&text, "button").filter(|tag| attribute(tag, "name").as_deref() == Some(name));
        buttons
            .filter_map(|tag| attribute(tag, "value"))
            .next()
            .unwrap_or_else(|| panic!("no {name}: {text}"))
    }

    /// Where the first form goes that begins so, and what it sends if nothing is changed.
    #[track_caller]
    fn form(&self, action: &str) -> (String, Vec<(String, String)>) {
        let text = self.0.text();
        let forms = text.split("<form ").skip(1).map(|form| form.split("</form>").next().unwrap_or_default());
        for form in forms {
            let target = attribute(form, "action").unwrap_or_default();
            if target.split('?').next() == Some(action) {
                return (target, tags(form, "input").filter_map(sent).collect());
            }
        }
        panic!("no form for {action}: {text}");
    }
}

/// What an input sends.
fn sent(input: &str) -> Option<(String, String)> {
    let kind = attribute(input, "type").unwrap_or_default();
    let is_choice = kind == "radio" || kind == "checkbox";
    if is_choice && !input.split_whitespace().any(|word| word == "checked") {
        return None;
    }
    Some((attribute(input, "name")?, attribute(input, "value").unwrap_or_default()))
}

fn tags<'t>(text: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    let mark = format!("<{name} ");
    let starts: Vec<usize> = text.match_indices(&mark).map(|(at, _)| at + mark.len()).collect();
    starts.into_iter().map(|start| text[start..].split('>').next().unwrap_or_default())
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = format!(" {tag}").split(&format!(" {name}=\"")).nth(1)?.split('"').next()?.to_owned();
    Some(unescaped(&value))
}

fn unescaped(text: &str) -> String {
    [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&"), ("&amp;", "&")]
        .into_iter()
        .fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}
