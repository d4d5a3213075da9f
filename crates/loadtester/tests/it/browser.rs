//! The page of the approval service, in a real browser without a window.
//!
//! It takes `chromium` and `chromedriver`. Where they are missing the test is left out, which is said; with
//! `CHROMIUM=required` in the environment it fails.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http::Request;
use process::web::{Options, Web};
use serde_json::{Value, json};

use crate::tester::{PATIENCE, Tester, folder, until};

/// A browser, driven over `WebDriver`.
struct Browser {
    driver: Child,
    /// The session's address.
    session: String,
}

impl Browser {
    /// `None` where there is none.
    fn start() -> Option<Self> {
        let mut driver = Command::new("chromedriver");
        let driver = driver.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut driver = match driver {
            Ok(driver) => driver,
            Err(error) => {
                let is_required = std::env::var_os("CHROMIUM").is_some_and(|value| value == "required");
                assert!(!is_required, "failed to start chromedriver: {error}");
                // A closed stderr has nobody who could be told.
                let _ = writeln!(std::io::stderr(), "left out: the page in a browser, there is no chromedriver");
                return None;
            }
        };
        let mut lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let port =
            lines.find_map(|line| Some(line.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned()));
        let mut browser = Self { driver, session: format!("http://127.0.0.1:{}/session", port.expect("its port")) };
        let profile = folder("chromium").display().to_string();
        let args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"];
        let args: Vec<String> =
            args.into_iter().map(str::to_owned).chain([format!("--user-data-dir={profile}")]).collect();
        let wish = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": args}}}});
        let session = browser.tell("", &wish);
        browser.session = format!("{}/{}", browser.session, session["sessionId"].as_str().expect("a session"));
        Some(browser)
    }

    fn open(&self, url: &str) {
        self.tell("/url", &json!({ "url": url }));
    }

    /// The element that a selector finds, once it is there.
    fn find(&self, selector: &str) -> String {
        until(|| {
            let found = self.post("/element", &json!({"using": "css selector", "value": selector})).ok()?;
            Some(found.as_object()?.values().next()?.as_str()?.to_owned())
        })
    }

    fn click(&self, selector: &str) {
        self.tell(&format!("/element/{}/click", self.find(selector)), &json!({}));
    }

    fn write(&self, selector: &str, text: &str) {
        self.tell(&format!("/element/{}/value", self.find(selector)), &json!({ "text": text }));
    }

    /// Looks until the element says this.
    fn says(&self, selector: &str, part: &str) {
        until(|| {
            let script = "const it = document.querySelector(arguments[0]); return it ? it.innerText : ''";
            let text = self.post("/execute/sync", &json!({"script": script, "args": [selector]})).ok()?;
            text.as_str()?.contains(part).then_some(())
        });
    }

    fn tell(&self, path: &str, body: &Value) -> Value {
        self.post(path, body).unwrap_or_else(|error| panic!("{path} {body}: {error}"))
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, Value> {
        let request = Request::post(format!("{}{path}", self.session)).body(body.to_string().into_bytes()).unwrap();
        let (status, answer) = send(request, PATIENCE).map_err(|error| json!(error.to_string()))?;
        if status == 200 { Ok(answer) } else { Err(answer) }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser with the session; without an answer both are killed.
        let request = Request::delete(&self.session).body(Vec::new()).unwrap();
        let _ = send(request, Duration::from_secs(10));
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn send(request: Request<Vec<u8>>, limit: Duration) -> Result<(u16, Value), process::web::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let response = runtime.block_on(Web::new().send(request, &Options::within(limit)))?;
    let mut answer: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    Ok((response.status().as_u16(), answer["value"].take()))
}

#[test]
fn somebody_approves_one_run_and_rejects_the_next_in_a_browser() {
    let Some(browser) = Browser::start() else { return };
    let service = Tester::start(&["approval-service", "-token", "s3cret"]);
    let ask = |run: &str| {
        let question = json!({"name": "cart", "namespace": "shop", "phase": "Waiting", "checksum": run});
        service.post("/approve", &question.to_string())
    };
    let page = format!("http://{}/", service.address);
    browser.open(&page);
    browser.says("#nothing", "Nothing waits for approval.");

    assert_eq!(ask("run-1").0, 403);
    browser.open(&page);
    browser.write("input[name=by]", "ada");
    browser.write("input[name=token]", "wrong");
    browser.click("button[value=true]");
    browser.says(".note", "a token is needed, and this is none");
    assert_eq!(ask("run-1").0, 403);

    browser.write("input[name=by]", "ada <script>");
    browser.write("input[name=token]", "s3cret");
    browser.click("button[value=true]");
    browser.says("table", "cart.shop\tapproved\tada <script>");
    assert_eq!(ask("run-1"), (200, "approved by ada <script>".to_owned()));

    assert_eq!(ask("run-2").0, 403);
    browser.open(&page);
    browser.write("input[name=token]", "s3cret");
    browser.click("button[value=false]");
    browser.says("table", "cart.shop\trejected\tunknown");
    assert!(ask("run-2").1.starts_with("rejected by unknown at "));
}
