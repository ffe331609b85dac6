"""The one kind of form that `storage3` uploads with: multipart/form-data with a file in it; PURE."""

from email.message import Message

from laptop.supabase.storage.errors import bad_request

_END_OF_HEADERS = b"\r\n\r\n"
_LINE = b"\r\n"


def uploaded_file(content_type: str, body: bytes) -> bytes:
    """The content of the part that is a file. Raises StorageError."""
    boundary = _header("content-type", content_type).get_param("boundary")
    if not content_type.startswith("multipart/form-data") or not isinstance(boundary, str):
        raise bad_request("a multipart/form-data body is needed")
    delimiter = _LINE + b"--" + boundary.encode()
    parts = (_LINE + body).split(delimiter)
    if not parts[-1].startswith(b"--"):
        raise bad_request("Unexpected end of form")
    for part in parts[1:-1]:
        head, blank, content = part.removeprefix(_LINE).partition(_END_OF_HEADERS)
        if blank and _is_file(head):
            return content
    raise bad_request("the form holds no file")


def _is_file(head: bytes) -> bool:
    for line in head.split(_LINE):
        name, _, value = line.decode("utf-8", "replace").partition(":")
        if name.strip().lower() == "content-disposition":
            return (
                _header(name, value.strip()).get_param("filename", header="content-disposition") is not None
            )
    return False


def _header(name: str, value: str) -> Message:
    message = Message()
    message[name] = value
    return message
