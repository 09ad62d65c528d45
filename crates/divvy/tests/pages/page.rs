//! What is asked of every page, whatever it shows.

use std::path::Path;

use serde_json::Value;

use crate::browser::{Browser, Key, Look, told_text};

/// A phone, a tablet, a screen.
const WIDTHS: [u32; 3] = [360, 768, 1280];
/// What the page's margins of 14 mm leave of A4, 210 mm, at 96 pixels an inch.
const PAPER: u32 = 688;

/// What sticks out of a page so wide to the side, and how far it does. What lies in a part that can be scrolled does not. A phone's own measure of its
/// window grows with what sticks out.
const OVERFLOW: &str = r#"((wide) => {
  const page = document.documentElement;
  const clipped = (element) => {
    for (let part = element.parentElement; part && part !== document.body; part = part.parentElement) {
      if (getComputedStyle(part).overflowX !== "visible") return true;
    }
    return false;
  };
  const said = page.scrollWidth > wide ? ["the page is " + page.scrollWidth + " pixels wide"] : [];
  for (const element of document.body.querySelectorAll("*")) {
    const { right, left, width } = element.getBoundingClientRect();
    if (width && (right > wide + 1 || left < -1) && !clipped(element)) said.push(element.outerHTML.slice(0, 120) + " reaches from " + left + " to " + right);
  }
  return said;
})"#;

/// What axe finds that keeps people out (WCAG and good practice), each with where.
const AXE: &str = r#"axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
  violations.filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ": " + html.slice(0, 200) + " " + failureSummary)))"#;

/// What can be used and is seen, but was not come to by the Tab key; each that was is marked.
const UNREACHED: &str = r#"[...document.querySelectorAll("a[href], button, select, input, summary, [tabindex='0']")]
  .filter((element) => element.getClientRects().length && !element.dataset.reached).map((element) => element.outerHTML.slice(0, 120))"#;

/// Goes to what has the focus, marks it, and says whether one sees that it has it.
const REACHED: &str = r#"(() => {
  const here = document.activeElement;
  if (here === document.body || here.dataset.reached) return null;
  here.dataset.reached = "yes";
  const { top, bottom } = here.getBoundingClientRect();
  return getComputedStyle(here).outlineStyle !== "none" && bottom > 0 && top < innerHeight ? "" : here.outerHTML.slice(0, 120);
})()"#;

/// Pictures that are not there to be seen, which reading a page to its end would have loaded and printing it does not.
const BLANK: &str = r"[...document.images].filter((picture) => picture.getClientRects().length && !(picture.naturalWidth && picture.width > 20))
  .map((picture) => picture.alt)";

/// Opens the first of what can be opened, and has noted what cannot be seen in it and in the others when the page is printed.
const WATCH_PRINTING: &str = r#"(() => {
  const first = document.querySelector("details");
  if (first) first.open = true;
  addEventListener("beforeprint", () => {
    window.unprinted = [...document.querySelectorAll("details > *")].filter((part) => !part.checkVisibility()).map((part) => part.outerHTML.slice(0, 120));
  });
})()"#;

/// What is not open as it was before printing.
const REOPENED: &str = r#"[...document.querySelectorAll("details")].filter((part, index) => part.open !== (index === 0)).map((part) => part.outerHTML.slice(0, 120))"#;

/// Opens a page and holds it to what every page keeps: it fetches nothing and complains of nothing, nothing sticks out on a phone, on a screen and on
/// paper, all of it is printed, axe finds nothing serious by day and by night, and the keyboard reaches all.
pub(crate) fn is_fit(browser: &mut Browser, file: &Path) {
    browser.look(Look { width: 1280, is_dark: false, is_paper: false });
    browser.open(file);
    let name = file.display();
    let open = "document.querySelectorAll('details').forEach((details) => { details.open = true; })";
    browser.evaluate(open);
    browser.evaluate(&told_text("DIVVY_AXE"));
    for width in WIDTHS {
        for is_dark in [false, true] {
            let look = Look { width, is_dark, is_paper: false };
            browser.look(look);
            none(&browser.evaluate(&format!("{OVERFLOW}({width})")), &format!("{name} sticks out, {look:?}"));
            // What axe asks hangs on the colours, and on whether a table has to be scrolled.
            if width != WIDTHS[1] {
                none(&browser.evaluate(AXE), &format!("{name}: axe, {look:?}"));
            }
        }
    }
    let paper = Look { width: PAPER, is_dark: false, is_paper: true };
    browser.look(paper);
    browser.open(file);
    browser.evaluate(open);
    none(&browser.evaluate(&format!("{OVERFLOW}({PAPER})")), &format!("{name} sticks out on paper"));
    none(&browser.evaluate(BLANK), &format!("{name} shows nothing on paper where it has a picture of"));

    browser.look(Look { width: WIDTHS[2], is_dark: false, is_paper: false });
    browser.open(file);
    browser.evaluate(WATCH_PRINTING);
    browser.print();
    none(&browser.evaluate("window.unprinted"), &format!("{name} leaves out on paper"));
    none(&browser.evaluate(REOPENED), &format!("{name} is not as it was before it was printed"));

    browser.open(file);
    browser.evaluate(open);
    keyboard_reaches_all(browser);
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{name}: {complaints:#?}");
}

fn keyboard_reaches_all(browser: &mut Browser) {
    loop {
        browser.press(Key::Tab);
        let Value::String(unseen) = browser.evaluate(REACHED) else { break };
        assert!(unseen.is_empty(), "has the focus and does not look like it: {unseen}");
    }
    none(&browser.evaluate(UNREACHED), "the Tab key does not come to");
}

/// Makes sure that a list is empty.
fn none(found: &Value, what: &str) {
    assert_eq!(found, &Value::Array(Vec::new()), "{what}: {found:#}");
}
