"""The HTML file of a report."""

import nbformat
from bs4 import BeautifulSoup

from tidelab.reports.executing import Failure
from tidelab.reports.page import make_page

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def notebook(*outputs):
    cell = nbformat.v4.new_code_cell("secret_source = 1", outputs=list(outputs))
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("## A heading\n\nWords $x_1$."), cell]
    )


def output(data):
    return nbformat.v4.new_output("display_data", data=data)


def page(use_case, book, failure=None):
    text = make_page(book, use_case, "A <title>", failure)
    return text, BeautifulSoup(text, "html.parser")


def test_words_and_results_are_there_and_the_code_is_not(use_case):
    text, soup = page(use_case, notebook(output({"text/html": "<p id='r'>42</p>", "text/plain": "42"})))
    assert soup.h2.get_text().startswith("A heading")
    assert soup.select_one("#r").get_text() == "42"
    assert "secret_source" not in text


def test_it_asks_for_nothing_and_runs_nothing(use_case):
    pictures = output({"image/png": PNG, "text/plain": "x"})
    script = output({"application/javascript": "alert(1)", "text/plain": "<script>alert(2)</script>"})
    text, soup = page(use_case, notebook(pictures, script))
    assert not soup.find_all(["script", "link", "iframe"])
    assert all(image["src"].startswith("data:") for image in soup.find_all("img"))
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert soup.title.get_text().startswith("A <title>")
    assert "alert(1)" not in text


def test_a_failure_stands_on_top_in_words_without_its_traceback(use_case):
    error = nbformat.v4.new_output(
        "error", ename="ValueError", evalue="boom", traceback=["Traceback: secret path"]
    )
    text, soup = page(
        use_case, notebook(error), Failure("Counts <per> class", "The <table> is damaged.", "Traceback")
    )
    alert = soup.select_one("[role=alert]")
    assert "Counts <per> class" in alert.get_text()
    assert "The <table> is damaged." in alert.get_text()
    assert text.index("could not be finished") < text.index("A heading")
    assert "secret path" not in text
