//! A person at the pages, who does as a test says.

use keywright_testkit::TestServer;
use url::Url;

use crate::pages::browser::{Browser, assert_page, hidden, organization};

/// A person, who signs in at the first page that is opened.
#[derive(Default)]
pub(crate) struct Person {
    browser: Option<Browser>,
}

impl Person {
    /// Opens a link of an application and decides: where the browser is sent then.
    pub(crate) async fn visits(&mut self, server: &TestServer, link: &str, allow: bool) -> String {
        let link = Url::parse(link).expect("a link");
        assert_eq!(link.origin().ascii_serialization(), server.identity().issuer());
        let link = format!("{}?{}", link.path(), link.query().unwrap_or_default());
        let browser = self.browser(server).await;
        let page = browser.get(server, &link).await;
        if page.status == 303 {
            return page.header("location").expect("a place").to_owned();
        }
        assert_page(&page, 200);
        let (form, chosen) = (hidden(&page, "form"), organization(&page));
        let decision = if allow { "allow" } else { "deny" };
        let fields = [("form", form.as_str()), ("organization", &chosen), ("decision", decision)];
        let answer = browser.post(server, &link, &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.header("location").expect("a place").to_owned()
    }

    /// Decides about the device that shows this code.
    pub(crate) async fn decides(&mut self, server: &TestServer, user_code: &str, allow: bool) {
        let browser = self.browser(server).await;
        let form = hidden(&browser.get(server, "/device").await, "form");
        let looks = [("form", form.as_str()), ("user_code", user_code)];
        let chosen = organization(&browser.post(server, "/device", &looks).await);
        let decision =
            [("organization", chosen.as_str()), ("decision", if allow { "allow" } else { "deny" })];
        assert_page(&browser.post(server, "/device", &[looks, decision].concat()).await, 200);
    }

    async fn browser(&mut self, server: &TestServer) -> &mut Browser {
        if self.browser.is_none() {
            self.browser = Some(Browser::signed_in(server, "person@example.com").await);
        }
        self.browser.as_mut().expect("signed in")
    }
}
