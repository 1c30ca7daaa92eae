"""Indian universities, by the kind of course they are known for."""

from __future__ import annotations

STATE = (
    "University of Delhi",
    "University of Mumbai",
    "University of Calcutta",
    "University of Madras",
    "Savitribai Phule Pune University",
    "Bangalore University",
    "Osmania University",
    "Panjab University",
    "Banaras Hindu University",
    "Aligarh Muslim University",
    "University of Kerala",
    "Gujarat University",
    "University of Rajasthan",
    "University of Lucknow",
    "Jadavpur University",
    "Gauhati University",
    "Utkal University",
)
TECHNICAL = (
    "IIT Bombay",
    "IIT Delhi",
    "IIT Madras",
    "IIT Kanpur",
    "IIT Kharagpur",
    "IIT Roorkee",
    "NIT Tiruchirappalli",
    "NIT Warangal",
    "Anna University",
    "Visvesvaraya Technological University",
    "Dr. A.P.J. Abdul Kalam Technical University",
    "Jawaharlal Nehru Technological University Hyderabad",
    "Delhi Technological University",
    "BITS Pilani",
    "Jadavpur University",
    "Savitribai Phule Pune University",
    "University of Mumbai",
)
LAW = (
    "National Law School of India University, Bengaluru",
    "NALSAR University of Law, Hyderabad",
    "University of Delhi",
    "Government Law College, Mumbai",
    "Banaras Hindu University",
    "ILS Law College, Pune",
    "Aligarh Muslim University",
)
MEDICINE = (
    "AIIMS New Delhi",
    "Christian Medical College, Vellore",
    "Maulana Azad Medical College, Delhi",
    "Grant Medical College, Mumbai",
    "JIPMER Puducherry",
    "Kasturba Medical College, Manipal",
    "The Tamil Nadu Dr. M.G.R. Medical University",
    "Rajiv Gandhi University of Health Sciences",
)
COMMERCE = (
    *STATE,
    "Shri Ram College of Commerce, Delhi",
    "Narsee Monjee College, Mumbai",
    "Christ University, Bengaluru",
    "St. Xavier's College, Kolkata",
)

UNIVERSITIES: dict[str, tuple[str, ...]] = {
    "technical": TECHNICAL,
    "science": STATE,
    "arts": (*STATE, "Jawaharlal Nehru University", "Delhi School of Economics"),
    "commerce": COMMERCE,
    "law": LAW,
    "medicine": MEDICINE,
}
