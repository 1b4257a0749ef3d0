"""Courses for learners, in many languages: ids are strings, prices in several currencies, times local.

Nobody enrols twice, so that the last taken says what comes next, never that it comes again.
"""

from training.datasets.generated.domain import Category, Domain

COURSES = Domain(
    name="courses",
    title="a generated school",
    surface="content",
    id_kind="string",
    horizon_days=28,
    min_events=5,
    departments={
        "Languages": (
            Category("日本語", ("ひらがな", "漢字", "敬語", "会話")),
            Category("Español", ("Gramática", "Conversación", "Escritura")),
            Category("Deutsch", ("Grammatik", "Aussprache", "Geschäftsbriefe")),
            Category("中文", ("拼音", "汉字", "商务中文")),
        ),
        "Computing": (
            Category("Python", ("Python basics", "Data frames", "Web services", "Testing")),
            Category("Databases", ("SQL", "Modelling", "Indexes & plans")),
            Category("Security", ("Passwords", "Threat models", "Networks")),
        ),
        "Music": (
            Category("Guitar 🎸", ("Chords", "Fingerstyle", "Blues")),
            Category("Klavier 🎹", ("Notenlesen", "Etüden", "Jazz")),
            Category("Voice 🎤", ("Breathing", "Harmony", "Choir")),
        ),
        "علوم": (
            Category("رياضيات", ("الجبر", "الهندسة", "الإحصاء")),
            Category("فيزياء", ("الميكانيكا", "البصريات", "الكهرباء")),
        ),
        "Beruf & Büro": (
            Category("Vorträge", ("Folien", "Stimme", "Lampenfieber")),
            Category("Finanzen", ("Buchhaltung", "Steuern", "Planung"), None, -0.6),
        ),
        "घर और शौक": (
            Category("खाना", ("मसाले", "रोटी", "मिठाई")),
            Category("Gardening 🌱", ("Soil", "Roses", "Balconies"), None, 1.2),
            Category("צילום 📷", ("אור", "דיוקן", "עריכה")),
        ),
    },
    brands=("Akademie Nord", "学び舎", "Learnwell", "مدرسة الأفق", "विद्या", "Open Bench", "Núcleo"),
    adjectives=("🚀", "Step by step:", "入門", "Kompakt:", "مقدمة", "À fond :", "Workshop:", "✨"),
    variants=("beginner", "intermediate", "advanced"),
    variant_column="level",
    price=(35.0, 0.7),
    price_column="price_eur",
    category_columns=("faculty", "subject"),
    brand_column="school",
    place_column="country",
    places={"DE": "EUR", "IN": "INR", "JP": "JPY", "US": "USD", "EG": "EGP"},
    currencies={"EUR": 1.0, "INR": 0.011, "JPY": 0.0062, "USD": 0.92, "EGP": 0.019},
    time_zone="Asia/Kolkata",
    take="enrol",
    finish="complete",
    visit_gap_days=5.0,
    take_logit=-0.4,
    staples=0.0,
    user_prefix="learner-",
)
