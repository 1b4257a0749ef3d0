"""A shop for daily needs: people come twice a week and buy most things again and again."""

from training.datasets.generated.domain import Category, Domain

SHOP = Domain(
    name="shop",
    title="a generated shop",
    surface="product",
    id_kind="integer",
    horizon_days=14,
    min_events=5,
    departments={
        "Produce": (
            Category("Fruit", ("Apples", "Bananas", "Oranges", "Pears"), 9, 0.3),
            Category("Berries", ("Strawberries", "Blueberries", "Raspberries"), 11, 1.2),
            Category("Vegetables", ("Carrots", "Tomatoes", "Peppers", "Leeks"), 8),
            Category("Salad", ("Lettuce", "Rocket", "Cucumber"), 8, 0.8),
        ),
        "Dairy": (
            Category("Milk", ("Whole Milk", "Oat Drink", "Skimmed Milk"), 7),
            Category("Cheese", ("Gouda", "Brie", "Feta", "Cheddar"), 14),
            Category("Yoghurt", ("Plain Yoghurt", "Skyr", "Fruit Yoghurt"), 9),
            Category("Ice Cream", ("Vanilla Ice", "Sorbet", "Choc Ice"), 21, 1.5),
        ),
        "Bakery": (
            Category("Bread", ("Sourdough", "Rye Bread", "Baguette", "Toast"), 7),
            Category("Cakes", ("Apple Cake", "Brownies", "Scones"), 16, -0.3),
        ),
        "Pantry": (
            Category("Pasta", ("Spaghetti", "Penne", "Lasagne"), 20),
            Category("Rice & Pulses", ("Basmati Rice", "Lentils", "Chickpeas"), 25),
            Category("Soup", ("Tomato Soup", "Noodle Soup", "Pea Soup"), 18, -1.0),
            Category("Snacks", ("Crisps", "Nuts", "Pretzels", "Popcorn"), 12),
            Category("Spices", ("Pepper", "Paprika", "Cumin"), 75),
        ),
        "Drinks": (
            Category("Water", ("Sparkling Water", "Still Water"), 10, 0.6),
            Category("Juice", ("Orange Juice", "Apple Juice"), 11),
            Category("Coffee", ("Ground Coffee", "Coffee Beans", "Espresso"), 22),
            Category("Tea", ("Green Tea", "Breakfast Tea", "Chamomile"), 35, -0.8),
        ),
        "Household": (
            Category("Cleaning", ("Dish Soap", "Sponges", "Bleach"), 34),
            Category("Laundry", ("Detergent", "Softener"), 38),
            Category("Paper", ("Kitchen Roll", "Toilet Paper", "Tissues"), 24),
            Category("Batteries", ("AA Batteries", "Button Cells")),
        ),
        "Care": (
            Category("Hair", ("Shampoo", "Conditioner"), 40),
            Category("Teeth", ("Toothpaste", "Floss"), 36),
            Category("Sun", ("Sun Cream", "After Sun"), None, 2.0),
        ),
        "Home & Garden": (
            Category("Kitchenware", ("Saucepan", "Whisk", "Chopping Board")),
            Category("Seeds", ("Basil Seeds", "Sunflower Seeds"), None, 0.5),
            Category("Candles", ("Tea Lights", "Scented Candle"), 55, -0.7),
        ),
    },
    brands=(
        "Ashdown", "Brightmill", "Corner & Co", "Dunes", "Elm Row", "Fairlight", "Goodacre",
        "Harrow", "Ivy Lane", "Juno", "Kestrel", "Larkhill", "Mistral", "Northdale",
    ),
    adjectives=("Classic", "Organic", "Family", "Fresh", "Fine", "Everyday", "Country", "Extra"),
    variants=("200 g", "400 g", "1 kg", "0.5 l", "1 l", "6 pack", "single"),
    variant_column="size",
    price=(3.2, 0.6),
    places={"north": "GBP", "east": "GBP", "south": "GBP", "west": "GBP", "islands": "GBP"},
)  # fmt: skip
