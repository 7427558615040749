"""What departments, categories and articles the retailer has: the vocabulary of its catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Category(NamedTuple):
    """A category of a department: its lowest and highest price in euro, how many of 1,000 orders of it are sent back,
    and what is sold in it."""

    name: str
    low: int
    high: int
    returned_per_mille: int
    articles: tuple[str, ...]


class Department(NamedTuple):
    """A category at the top of the tree, with the variants that its articles come in."""

    categories: tuple[Category, ...]
    variants: tuple[str, ...]


_COLOURS = ("black", "white", "navy", "olive", "sand", "burgundy", "heather grey", "light blue")
_SIZES = ("small", "medium", "large", "set of 2", "set of 4")

DEPARTMENTS: Mapping[str, Department] = {
    "Clothing": Department(
        (
            Category("T-Shirts & Tops", 9, 45, 190, ("T-Shirt", "Longsleeve", "Polo Shirt", "Tank Top", "Blouse")),
            Category("Jackets & Coats", 50, 280, 240, ("Rain Jacket", "Down Jacket", "Trench Coat", "Parka")),
            Category("Dresses", 25, 160, 330, ("Summer Dress", "Crêpe Dress", "Shirt Dress", "Evening Dress")),
            Category("Jeans & Trousers", 25, 130, 260, ("Slim Jeans", "Wide Jeans", "Chinos", "Cord Trousers")),
            Category("Knitwear", 20, 140, 180, ("Cardigan", "Merino Sweater", "Poncho", "Roll-Neck Sweater")),
        ),
        _COLOURS,
    ),
    "Shoes": Department(
        (
            Category("Sneakers", 40, 170, 220, ("Canvas Sneakers", "Running Shoes", "Leather Sneakers")),
            Category("Boots", 60, 240, 230, ("Chelsea Boots", "Hiking Boots", "Rain Boots")),
            Category("Sandals & Slippers", 12, 90, 160, ("Sandals", "Felt Slippers", "Clogs")),
        ),
        _COLOURS,
    ),
    "Kitchen": Department(
        (
            Category("Pots & Pans", 15, 190, 30, ("Crêpe Pan", "Sauté Pan", "Stockpot", "Casserole", "Wok")),
            Category("Coffee & Tea", 9, 320, 45, ("Café Press", "Teapot", "Milk Frother", "Coffee Grinder")),
            Category("Knives & Boards", 12, 180, 25, ("Chef's Knife", "Paring Knife", "Chopping Board")),
            Category("Tableware", 6, 110, 35, ("Dinner Plates", "Soup Bowls", "Wine Glasses", "Salt & Pepper Mill")),
        ),
        _SIZES,
    ),
    "Home & Living": Department(
        (
            Category("Lamps", 18, 240, 70, ("Desk Lamp", "Floor Lamp", "Pendant Lamp", "Bedside Lamp")),
            Category("Cushions & Throws", 8, 75, 50, ("Cushion", "Wool Throw", "Beanbag")),
            Category("Storage", 10, 160, 30, ("Shelf", "Basket", "Wardrobe Box", "Étagère")),
            Category("Décor", 6, 120, 60, ("Vase", "Picture Frame", "Candle Holder", "Wall Clock")),
        ),
        (*_COLOURS[:4], "oak", "walnut"),
    ),
    "Garden": Department(
        (
            Category("Garden Tools", 8, 190, 25, ("Rake", "Pruning Shears", "Hand Trowel", "Garden Hose, 20 m")),
            Category("Planters", 7, 90, 35, ("Planter", "Hanging Basket", "Herb Pot")),
            Category("Barbecue", 12, 380, 55, ("Kettle Grill", "Grill Tongs", "Cast-Iron Griddle")),
        ),
        _SIZES,
    ),
    "Electronics": Department(
        (
            Category("Headphones", 19, 320, 85, ("In-Ear Headphones", "Over-Ear Headphones", "Headset")),
            Category("Speakers", 25, 420, 70, ("Bluetooth Speaker", "Soundbar", "Shower Radio")),
            Category("Chargers & Cables", 6, 60, 30, ("USB-C Charger", "USB-C Cable, 2 m", "Power Bank")),
            Category("Smart Home", 15, 220, 90, ("Smart Plug", "Motion Sensor", "Thermostat", "Doorbell Camera")),
        ),
        ("black", "white", "silver", "2nd generation"),
    ),
    "Sports & Outdoor": Department(
        (
            Category("Fitness", 8, 250, 60, ("Yoga Mat", "Kettlebell, 12 kg", "Skipping Rope", "Resistance Bands")),
            Category("Cycling", 10, 210, 65, ("Bicycle Helmet", "Bicycle Lock", "Pannier", "Floor Pump")),
            Category("Camping", 9, 340, 55, ("Tent", "Sleeping Bag", "Head Torch", "Camping Stove")),
        ),
        ("black", "orange", "lime", "petrol"),
    ),
    "Toys & Games": Department(
        (
            Category("Board Games", 12, 70, 15, ("Board Game", "Card Game", "Dice Game")),
            Category("Puzzles", 8, 45, 12, ("Puzzle, 500 pieces", "Puzzle, 1,000 pieces", '3D Puzzle, 12"')),
            Category("Building Sets", 10, 180, 20, ("Building Set", "Marble Run", "Wooden Railway")),
        ),
        ("classic", "travel size", "family edition", "for 2 to 6 players"),
    ),
    "Beauty & Care": Department(
        (
            Category("Skin Care", 5, 85, 18, ("Day Cream", "Night Crème", "Hand Cream", "Sun Lotion")),
            Category("Hair Care", 5, 60, 15, ("Shampoo", "Conditioner", "Hair Mask")),
            Category("Perfume", 22, 150, 22, ("Eau de Toilette", "Eau de Parfum", "Body Mist")),
        ),
        ("50 ml", "100 ml", "250 ml", "sensitive", "rosé"),
    ),
}
