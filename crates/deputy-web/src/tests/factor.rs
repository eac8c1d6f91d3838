//! Second factors and fresh proofs, from outside: pages as forms.

mod account;
mod fresh;
mod required;
mod sign_in;

use deputy_core::Clock as _;
use jiff::SignedDuration;
use totp_rs::{Builder, Totp};

use super::*;

/// An authenticator app into which the secret was typed.
struct Phone(Totp);

impl Phone {
    /// Reads the secret off the page.
    fn typed(page: &str) -> Self {
        let (_, after) = page.split_once("picture").expect("an app is set up");
        let (_, after) = after.split_once("<pre class=\"snippet\"").unwrap();
        let secret = after.split(['>', '<']).nth(1).unwrap().replace(' ', "");
        let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
        assert_eq!(secret.as_bytes().len(), 20);
        Self(Builder::new().with_secret(secret).build().unwrap())
    }

    /// What it shows now.
    fn code(&self, app: &TestApp) -> String {
        let now = app.clock.now().as_second().unsigned_abs();
        self.0.generate(now).to_string()
    }
}

impl TestApp {
    /// Lets the code that the phone shows grow old.
    fn next_code(&self) {
        self.clock.advance(SignedDuration::from_secs(60));
    }
}

impl Browser<'_> {
    /// Posts a form of the page at `page`.
    async fn post_from(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.get(page).await.csrf();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(fields);
        self.post_bare(path, &all, Some("same-origin")).await
    }

    /// Posts to a part of `/settings/second-factor`.
    async fn factor(&mut self, what: &str, fields: &[(&str, &str)]) -> Answer {
        let here = "/settings/second-factor";
        let path = format!("{here}{what}");
        self.post_from(here, &path, fields).await
    }

    /// Sets an app up: the phone, and the recovery codes.
    async fn set_app_up(&mut self) -> (Phone, Vec<String>) {
        let shown = self.factor("/app", &[]).await;
        assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
        let phone = Phone::typed(&shown.text);
        let code = phone.code(self.app);
        let done = self.factor("/app/confirm", &[("code", &code)]).await;
        assert_eq!(done.status, StatusCode::OK, "{}", done.text);
        let codes = recovery_codes(&done.text);
        assert_eq!(codes.len(), 10, "{}", done.text);
        self.app.next_code();
        (phone, codes)
    }

    /// The second step, with this code.
    async fn second(&mut self, code: &str, next: &str) -> Answer {
        let fields = [("code", code), ("next", next)];
        self.post_from("/login/second", "/login/second", &fields)
            .await
    }

    fn cookie(&self) -> String {
        let session = self.cookies.iter().find(|(name, _)| name == "deputy");
        session.map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

fn recovery_codes(page: &str) -> Vec<String> {
    let Some((_, after)) = page.split_once("id=\"codes\"") else {
        return Vec::new();
    };
    let (_, after) = after.split_once("<pre").unwrap();
    let list = after.split(['>', '<']).nth(1).unwrap();
    list.lines()
        .map(str::to_owned)
        .filter(|line| !line.is_empty())
        .collect()
}

/// The actions on this person's record, the newest first, with their outcome.
async fn on_record(app: &TestApp, user: &User) -> Vec<(String, String)> {
    let mine = deputy_store::audit::AuditFilter {
        user: Some(user.id),
        ..Default::default()
    };
    // What is noted is written soon, not at once.
    let flush = deputy_gateway::audit::Entry {
        user: None,
        caller: "test".into(),
        action: "key.rotate",
        target: String::new(),
        call_id: None,
        outcome: "ok".into(),
        detail: Value::Null,
    };
    app.audit.record(flush).await.unwrap();
    let newest = deputy_store::audit::AuditPlace::Newest;
    let rows = app.store.store.audit_page(&mine, newest, 100).await;
    let rows = rows.unwrap().into_iter();
    rows.map(|row| (row.action, row.outcome)).collect()
}
