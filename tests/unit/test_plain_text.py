import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.fulfillment.messages import plain_text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", ""),
        ("Hello", "Hello"),
        ("Hello,<br />when will it ship?", "Hello,\nwhen will it ship?"),
        ("Bonjour,<br/>o&ugrave; est mon colis&nbsp;?", "Bonjour,\noù est mon colis ?"),
        (
            "<p>Please send an <b>invoice</b> &amp; a receipt.</p><p>Thanks</p>",
            "Please send an invoice & a receipt.\nThanks",
        ),
        ("The box arrived <i>open</i>: 5 < 6 parts 😕", "The box arrived open: 5 < 6 parts 😕"),
        ("<ul><li>one<li>two</ul>", "one\ntwo"),
        ("<table><tr><td>a</td></tr><tr><td>b</td></tr></table>", "a\nb"),
        ("<style>p { color: red }</style><script>alert('x')</script>Hi", "Hi"),
        ("<div><script>one<script>two</script></div>three", "three"),
        ("a </script> b", "a b"),
        ("  many   spaces\t and\r\n\r\nlines ", "many spaces and\nlines"),
        ("<a href='https://example.com'>the link", "the link"),
        ("<img src=x onerror=alert(1)>text", "text"),
        ("<!-- a note -->text", "text"),
        ("&lt;b&gt; is bold", "<b> is bold"),
    ],
)
def test_a_body_is_read_as_a_person_reads_it(body: str, text: str) -> None:
    assert plain_text(body) == text


@given(st.text() | st.from_regex(r"(<\/?(p|br|script|b|!--|\?)[^<]{0,5}>?|[a-z&;#]{0,6}){0,20}"))
def test_any_body_has_a_text_without_empty_lines_or_edges(body: str) -> None:
    text = plain_text(body)
    assert all(line == line.strip() and line for line in text.split("\n")) or text == ""
