"""Where generated buyers live: every province and territory, with real cities and the shape of its postal codes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """`names` are what an address may call the province, besides its code."""

    code: str
    names: tuple[str, ...]
    city: str
    area: str
    phone: str


PLACES = (
    Place("ON", ("Ontario",), "Toronto", "M5V", "416"),
    Place("ON", ("Ontario", "ontario"), "Ottawa", "K1P", "613"),
    Place("QC", ("Québec", "Quebec"), "Montréal", "H2X", "514"),
    Place("QC", ("Quebec", "QUÉBEC"), "Trois-Rivières", "G9A", "819"),
    Place("BC", ("British Columbia",), "Vancouver", "V6B", "604"),
    Place("AB", ("Alberta",), "Calgary", "T2P", "403"),
    Place("MB", ("Manitoba",), "Winnipeg", "R3C", "204"),
    Place("SK", ("Saskatchewan",), "Saskatoon", "S7K", "306"),
    Place("NS", ("Nova Scotia",), "Halifax", "B3J", "902"),
    Place("NB", ("New Brunswick", "Nouveau-Brunswick"), "Moncton", "E1C", "506"),
    Place("NL", ("Newfoundland and Labrador", "Newfoundland"), "St. John's", "A1C", "709"),
    Place("PE", ("Prince Edward Island",), "Charlottetown", "C1A", "902"),
    Place("YT", ("Yukon",), "Whitehorse", "Y1A", "867"),
    Place("NT", ("Northwest Territories",), "Yellowknife", "X1A", "867"),
    Place("NU", ("Nunavut",), "Iqaluit", "X0A", "867"),
)

FIRST_NAMES = (
    "Alex", "Chloé", "Wei", "Priya", "François", "Marie-Ève", "Liam", "Olivia", "Siobhán", "Mohammed",
    "Zoë", "Noah", "Amélie", "Jürgen", "Ngọc", "Kateri",
)  # fmt: skip
LAST_NAMES = (
    "Tremblay", "Gagnon", "O'Brien", "Singh", "Nguyễn", "Lévesque", "MacDonald", "Chen", "St-Pierre",
    "Côté", "Patel", "Van der Meer", "Wójcik", "Smith",
)  # fmt: skip
STREETS = (
    "Example Street", "rue Sainte-Catherine Ouest", "Bloor St W", "chemin de la Côte-des-Neiges",
    "Granville Street", "boul. René-Lévesque Est", "Portage Avenue", "Barrington Street", "8 Avenue SW",
)  # fmt: skip
LONG_STREETS = (
    "chemin du Grand-Lac-Saint-François de la Rivière-aux-Outardes Ouest",
    "Old Confederation Memorial Parkway North, Building C, Rear Entrance",
)
ITEMS = (  # SKU, title, price in cents
    ("ACME-SSD-1TB", "Acme 1TB Internal SSD", 12_999),
    ("ACME-SSD-2TB", "Acme 2TB Internal SSD", 21_499),
    ("HUB-USB-C-7", "7-Port USB-C Hub", 5_999),
    ("CAM-4K-01", "4K Webcam with Microphone", 8_950),
    ("KB-MECH-FR", "Mechanical Keyboard, Canadian French", 11_495),
    ("CABLE-HDMI-2M", "HDMI Cable 2 m", 1_299),
    ("MON-ARM-DUO", "Dual Monitor Arm", 9_999),
    ("HEADSET-BT-9", "Bluetooth Headset", 14_999),
)
