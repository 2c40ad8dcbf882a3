"""Source of the assistant-commands data: spoken and typed English commands with one intent and slots each.

Remake ``train.jsonl`` and ``test.jsonl`` next to this file, byte for byte, with

    python -m keras_bert_suite.data.assistant_commands.make

Only the standard library is used and the seed is fixed. The command prints the counts that README.md shows.

What the split means: the test sentences use phrasings which no training sentence uses, and their open slots (songs,
people, cities, list items, messages, ...) hold values which training never shows. So test accuracy measures new
wording and new names, not recall of filled templates. Closed slots (times, dates, durations, colours, genres) share
some values between the two files, and each has values that only the test file uses.

How to read the tables: a phrasing has places like ``{time}``; the name is the slot label in the data. A place like
``{time:wake}`` has the same label but draws from a narrower list of values, so that the sentence stays natural.
Values and phrasings are in written form; most sentences are then lower-cased and stripped of punctuation, as a speech
recogniser would write them.
"""

import json
import random
import re
from collections import Counter
from pathlib import Path

SEED = 20240
TRAIN_PER_INTENT = 240
TEST_PER_INTENT = 34
# The test file is drawn from this far into the seed's numbers, where version 1 of the training file ended: so it stays
# the same, byte for byte, when training gets new phrasings and values.
TEST_STARTS_AT = 11437
SPLITS = ("train", "test")

# Slots whose values never occur in both files. The three city slots draw from one list.
OPEN_SLOTS = (
    "task",
    "song",
    "artist",
    "podcast",
    "topic",
    "city",
    "from_city",
    "to_city",
    "contact",
    "message",
    "room",
    "item",
    "event",
    "food",
)

# Each entry: values of the training file, values of the test file; a comma parts two values.
# "a > b" under time:from is a start time and the end time that goes with it.
VALUES = {
    "time": (
        """six, seven, half past six, quarter to eight, quarter past nine, ten, 6 am, 7:15 am, 9 pm, five thirty,
        eight forty five, noon, ten past seven, twenty to six, nine in the evening, four o'clock, 18:30, 5:45,
        eleven am, two in the afternoon, three fifteen, twelve thirty, half past four, 1 pm, six fifteen,
        ten past nine, quarter past two, seven forty, 11:45, five to ten, eight in the evening,
        twenty five past one, two o'clock, 9:05 am, 16:10, midnight, half past three, four forty, ten to eleven,
        22:30, eleven twenty, quarter to one, nine o'clock, 7:25 pm, five past four, six in the morning, 12:50,
        two twenty five, 8:35""",
        """quarter past six, eight o'clock, 4:50, 10 pm, half past eleven, ten to seven, five past eight, six twenty,
        one thirty, three in the afternoon, 20:15, nine fifty, twenty past four, noon, seven""",
    ),
    "time:wake": (
        """six, seven, half past six, quarter to eight, 6 am, 7:15 am, five thirty, eight forty five,
        ten past seven, twenty to six, five in the morning, quarter past nine, 5:45, half past seven, nine,
        six thirty, 8 am, six ten, 6:20 am, ten to six, seven o'clock, 5:15, quarter to seven, eight fifteen, 9:10,
        five to seven, twenty past eight, 4:25 am, six in the morning, 8:05, five forty five, ten past eight, 7 am,
        seven twenty five""",
        """quarter past six, eight o'clock, 4:50 am, ten to seven, five past eight, six twenty, 7:40,
        four in the morning, nine fifty, half past eight, seven, 6 am""",
    ),
    # Hours at which people meet or have food brought.
    "time:day": (
        """ten, noon, quarter past nine, 11 am, two in the afternoon, three fifteen, twelve thirty, half past four,
        1 pm, 18:30, six, five thirty, seven in the evening, twenty to three, eleven, 2:40 pm, quarter to four,
        one o'clock, 17:15, half past twelve, five past ten, 7:20 pm, nine in the morning, six forty five,
        ten to five, 12:30, three o'clock, twenty five to two, half past five""",
        """eleven thirty, quarter past six, 5:50 pm, one thirty, three in the afternoon, 20:15, ten to seven,
        twenty past four, noon, six""",
    ),
    "time:short": (
        """6 am, 7:15, half past six, nine thirty, five o'clock, eight forty five, 4 pm, noon, ten fifteen, 7 am,
        5:50, 11:20, seven thirty, ten o'clock, four twenty, midnight""",
        "10 am, six twenty, eight o'clock, half past eight, 7:40, noon",
    ),
    "time:from": (
        """two > half past three, nine > eleven, 10 am > noon, one > two thirty, six > eight, 4 pm > 5:30 pm,
        seven > ten, quarter past nine > ten, three > four forty five, 14:00 > 16:00, noon > one fifteen,
        half past five > seven, 8 am > 9 am, eleven > twelve thirty, 9 am > 11 am, quarter past one > two,
        ten thirty > noon, seven > eight fifteen, 15:00 > 15:45, 2:30 pm > 4 pm, eleven fifteen > twelve,
        6 pm > 8 pm, nine thirty > ten fifteen""",
        """eight > half past nine, 1 pm > 3 pm, five > seven fifteen, quarter to ten > eleven thirty, 11:00 > 12:20,
        four > six, half past two > quarter past four, 7 pm > 9:30 pm, two > three,
        eleven > noon""",
    ),
    # Stand alone after a time or a verb, with no preposition.
    "date": (
        """tomorrow, this Friday, next Tuesday, the day after tomorrow, this Sunday, next Thursday,
        this coming Monday, a week from today, next Monday, this Saturday, tonight, this evening,
        the day after next, a fortnight from now, next Wednesday, this Thursday, next Friday, three days from today,
        this Monday, tomorrow morning, in two weeks, a week on Friday""",
        "tomorrow, next Saturday, this Wednesday, two days from now, this coming Thursday, next Sunday, this Tuesday",
    ),
    # Follow "on".
    "date:on": (
        """Monday, Wednesday, Friday, Saturday, the third of June, March the ninth, the fifteenth, Christmas Eve,
        the twenty first of April, May 2, October the tenth, Sunday, the second of May, July the fourth,
        the thirtieth, the last day of the month, September 12, boxing day, the eleventh of November,
        the first of March, April the sixth, the twenty third, May Day, Friday the thirteenth, August 19, the tenth,
        December the first""",
        """Tuesday, Thursday, the eighth of August, January the twelfth, the twenty seventh, New Year's Eve,
        February 14, Monday, Saturday""",
    ),
    "date:week": ("Monday, Wednesday, Friday, Sunday", "Tuesday, Thursday, Saturday, Monday"),
    "date:soon": (
        """today, tomorrow, tonight, this weekend, this afternoon, this evening, tomorrow morning, next week,
        this Friday, on Sunday, this morning, tomorrow evening, on Friday, next Monday, over the weekend,
        the day after tomorrow, on Tuesday night, next Thursday, this Saturday, in the next few days""",
        """later today, tomorrow night, tomorrow afternoon, next weekend, this coming week, this Wednesday, today,
        tonight""",
    ),
    "date:past": (
        """today, yesterday, this morning, last night, this week, last weekend, on Monday, two days ago,
        on Wednesday, the day before yesterday, last month, on Sunday, yesterday morning, last Tuesday,
        over the weekend, this evening, so far today""",
        "earlier today, last Friday, last week, this afternoon, yesterday evening, today",
    ),
    "duration": (
        """ten minutes, five minutes, an hour, half an hour, twenty minutes, ninety seconds, two hours,
        forty five minutes, an hour and a half, three minutes, 15 minutes, 30 seconds, a minute, six minutes,
        two and a half hours, an hour and ten minutes, 25 minutes, one hour, seven and a half minutes, four minutes,
        seven minutes, nine minutes, sixteen minutes, eighteen minutes, 40 minutes, fifty minutes, 45 seconds,
        twenty seconds, two minutes, one minute and a half, 22 minutes, an hour and twenty minutes,
        five and a half minutes, two hours and fifteen minutes, 75 seconds, six hours, thirteen minutes, 2 hours""",
        """eight minutes, thirty five minutes, four hours, fifty seconds, a quarter of an hour, 12 minutes,
        three quarters of an hour, two minutes and ten seconds, eleven minutes, 100 seconds, ten minutes, an hour""",
    ),
    # Long enough for a nap, a reminder or a meal.
    "duration:long": (
        """half an hour, twenty minutes, an hour, two hours, forty five minutes, an hour and a half, 25 minutes,
        ten minutes, fifteen minutes, forty minutes, two and a half hours, 30 minutes, an hour and a quarter,
        one hour, fifty five minutes, 20 minutes""",
        """thirty five minutes, a quarter of an hour, three hours, an hour and five minutes, 50 minutes,
        three quarters of an hour, half an hour""",
    ),
    # In front of a noun, as in "a ten minute timer".
    "duration:adj": (
        """ten minute, five minute, twenty minute, ninety second, two hour, one hour, 15 minute, three minute,
        thirty second, half hour, forty minute, six minute, two minute, seven minute, ninety minute, 45 second,
        three hour, 20 minute, twenty five minute, nine minute, fifteen second, four minute""",
        "eight minute, twelve minute, 35 minute, fifty second, four hour, eleven minute, five minute",
    ),
    "duration:bake": (
        """ten minute, twenty minute, one hour, 15 minute, forty minute, half hour, 25 minute, thirty minute,
        two hour, 45 minute, eighteen minute, five minute, 20 minute, ninety minute""",
        "eight minute, twelve minute, 35 minute, fifty minute, eleven minute, ten minute",
    ),
    "task": (
        """water the plants, call the dentist, take out the bins, pay the electricity bill,
        pick up the dry cleaning, feed the cat, renew my passport, buy stamps, defrost the chicken,
        return the library books, charge the drill, book a haircut, take my vitamins, check the smoke alarm,
        move the car, email the landlord, sign the school form, stretch, lock the back door, print the tickets,
        order new contact lenses, wrap the presents, clean the fish tank, hang out the washing, back up my photos,
        fill in the tax form, send the invoice, exercise, renew the car insurance, sharpen the knives,
        buy a gift for Elsa, clear the gutters, let the cat in, change the water filter, water the tomatoes,
        ring my grandmother, oil the bike chain, start the slow cooker, weigh the parcel, reply to the school,
        unplug the iron, soak the beans, air the bedroom, pay the window cleaner, fetch the children, lock the shed,
        read chapter nine, practise the violin, book the ferry, replace the doorbell battery, scan the receipts,
        take the medicine, vacuum the stairs, return the hire car, thank Uncle Joe, put the roast in,
        collect the prescription, test the generator, cut my fingernails, sort the recycling,
        write the thank you notes, order more firewood, close the windows, check the tyre pressure,
        hand in the essay, phone the bank, feed the neighbours' rabbits, sweep the terrace, freeze the leftovers,
        update my password, bleed the radiators, prune the roses, do my stretches, mend the fence,
        wash the football kit, charge my toothbrush, draw the curtains, turn off the sprinkler,
        pack the lunch boxes, pick blackberries, call in sick, brush the pony, log my hours, chop some firewood,
        breathe, look at the oven""",
        """walk the dog, cancel the gym membership, descale the kettle, top up the parking meter, ring the plumber,
        post the birthday card, drink more water, bring in the laundry, submit my expenses, change the bed sheets,
        empty the dishwasher, tidy the garage, meditate, iron a shirt, vote, turn down the heating""",
    ),
    "song": (
        """Paper Lanterns, Rain on the Harbour, Golden Elevator, My Winter Coat, Silver Bicycle,
        Lighthouse Number Nine, Velvet Tuesday, Under the Orange Tree, Borrowed Umbrella, Half a Mile of Snow,
        Neon Garden Party, Copper Kettle Blues, Tell Me About Tomorrow, Seven Blue Doors, Marzipan,
        Salt and Cinders, Footprints on the Ceiling, The Last Ferry Home, Glass Pyjamas, Honey in the Engine,
        Wherever the Wind Parks, Tin Can Telephone, Postcards to Myself, Left Shoe Lullaby, Marigold Hotel Room,
        Trains Made of Paper, The Clockmaker's Daughter, Slow River Sugar, Bicycles in the Hall, Blue Monday Bread,
        Almost a Lighthouse, Gravity Is for Sundays, Hello to the Moss, Kites over Concrete, My Brother's Accordion,
        Plum, Seventeen Kettles, Skyline in a Jar, The Snail and the Satellite, Wool, Whistle Down the Wires,
        Your Old Raincoat, Cold Coffee Serenade, Aeroplane Heart, Dust on the Dashboard, Every Door in Dublin,
        Fireflies for Rent, Ink, Jukebox in the Woods, Kingdom of Socks, Letters from the Lift,
        Moonlight on Margate, No More Maps, October Swim, Peppermint Getaway, Quiet as a Quarry, Rooftop Radio,
        Sugar in the Rain, The Wrong Trousers Tango, Upside Down Piano, Vinegar and Violets, What the Gardener Knew,
        Yellow Line Fever, Zigzag, Barefoot in Berlin, Candle for the Captain, Don't Wake the Whale,
        Elevator to June, Forty Hummingbirds, Ghost of a Good Idea, Holiday for Strings and Spoons,
        It Rained on Our Parade, Jealous of the Sea, Little Lantern Street, Ten Miles of Cotton, Hurricane Picnic""",
        """Pocket Full of Thunder, Sleepy Volcano, The Baker's Waltz, Marble Staircase, Goodnight Gasoline,
        Two Cups of Starlight, Electric Hedgehog, Windmill Season, Nobody Owns the Ocean, Lemonade Parade,
        Crooked Chimney, A Map of Your Kitchen, Feather Weather, Ninety Nine Lamps""",
    ),
    "artist": (
        """The Velvet Otters, Marla Quill, Northern Static, DJ Pepperfield, Ines Corvalho, The Paper Foxes,
        Juno Halloway, Tin Harbour, Oskar Lindgreen, The Sunday Tractors, Lost Mittens, Captain Saffron,
        The Amber Tram, Salted Plums, Kit Barlow Trio, Blue Kettle Band, Noor Adewale, The Quiet Giraffes,
        Echo Parlour, Wilma Frostby, Moonlit Ferrets, Theo Brandt Quartet, Little Glacier, Marigold,
        The Broken Thermostats, Lola Ferrante, Pavel and the Pigeons, Cinnamon District, DJ Halfmoon,
        Rosalind Achebe, The Wooden Comets, Bright Ledger, Sad Accountants, Hugo Vantongeren, Night Bus Choir,
        Tamsin Oduya, The Tall Sparrows, Concrete Picnic, Otis Merriweather, Fox and Fiddle, Las Linternas,
        Milo Castellane, The Ironing Board, Polar Radio, Queen Bramble, River Stanton, Seven Sleepy Lions,
        Tango Foundry, Umber, Vera Lundqvist Band, Wax Museum, Young Cartographers, Zora Kimani,
        The Basement Saints, Cassius Bell, Dandelion Motors, Eva Lark, Flat Pack Furniture, Gentle Hooligans,
        Harbour Lights Ensemble, Ivo Tereshenko, Jumble Sale, Kayo Minami, Lady Thunderbolt, Max Ferro,
        The Nervous Robots, Orange Telephone, Pip Delgado, The Unlikely Trousers, Rhubarb Republic, Sister Saturday,
        Three Wet Dogs, MC Turnstile""",
        """The Crooked Lamps, Ada Winterbourne, Static Orchard, Brother Cobalt, Lumi Saarela, The Pocket Whales,
        Desmond Oyelami, Gravel Choir, Honest Penguins, The Late Shift Orchestra, MC Buttercup, Felix Okonjo Band,
        Velveteen Radar, Solvei""",
    ),
    "genre": (
        """jazz, classical music, hip hop, folk, indie rock, reggae, techno, blues, country, soul, ambient music,
        film music, disco, opera, rock, pop, salsa, baroque music, punk, house, drum and bass, chamber music, dub,
        flamenco, new wave, trance, choral music, rap, Irish folk, grunge, big band, synth pop, dancehall,
        sea shanties""",
        "bossa nova, funk, swing, lo-fi beats, heavy metal, gospel, bluegrass, soft rock, jazz, reggae",
    ),
    "podcast": (
        """Slow Sums, Midnight Maps and Mugs, The Curious Kettle, Two Chairs Talking, Bread and Circuits,
        History by Bicycle, The Eleventh Stair, Letters to Saturn, Money for Beetles, The Hollow Teapot,
        Garden Gate Stories, Numbers at Night, The Misplaced Lighthouse, Kitchen Chemistry Hour, Wild Hedges,
        Ask a Carpenter, Compass of Crumbs, Tiny Engines, The Polite Detective, Sound of Sand, Yesterday's Gadgets,
        Rusty Hinges, Late Bus Home, The Weekly Puzzle Crate, Ferns, Every Other Island, The Mud Report,
        Cheese and Consequences, Small Hours Radio, Uncommon Ground Floor, The Button Box, Rivers Explained,
        Grandfather's Toolbox, Sleep Like a Log, Unfinished Bridges, Who Invented Lunch, The Lost Luggage Office,
        Fables for Engineers, Bees and Bankers, Second Hand Heroes, The Thirteenth Floor, Postmark,
        Talking to Tides, A Brief History of Soup, The Backwards Detective, Velvet Crimes, One Word a Week,
        The Orchard Files, Noise Complaint, Hidden Staircases, Low Tide Mysteries, My Mother's Cassettes,
        The Accidental Beekeeper, Stamps of the World, Parliament of Crows, Foggy Mornings, The Long Queue,
        Lunchbox Philosophy, Radio Rainforest, Street Names, Tall Ships and Short Tales, The Night Librarian,
        Under the Floorboards, Weather for Beginners, Bricks, Mortal Gardens, The Amateur Astronomer,
        Jokes from the Trenches, Paper Planes, The Ordinary Show, Cupboard Love, Fifty Bad Ideas""",
        """The Patient Gardener, Marbles and Machines, Echoes of Brick, Nine Lives of Cotton, The Salty Road,
        Owls After Supper, Plain Talk on Planets, The Wandering Spoon, Deep Puddle Diaries, Penny for the Pilot,
        Cloud Cartographers, Haystack""",
    ),
    # Follow "about" or "on".
    "topic": (
        """space travel, the housing market, climate change, mental health, electric cars, the local elections,
        artificial intelligence, ocean wildlife, interest rates, street art, renewable energy, modern dance,
        public transport, women's rugby, the film industry, cycling, medical research, volcanoes, school meals,
        robotics, the music business, food prices, archaeology, video games, the storm damage, the housing shortage,
        plastic in the sea, the bank strike, floods, water shortages, the new tram line, gene therapy, homelessness,
        solar panels, the space station, the price of oil, childcare, earthquakes, immigration, bird flu,
        the chess championship, satellite internet, inflation, the parliament, battery recycling, museums, bees,
        sleep research, driverless taxis, ancient Rome, the rail strike, tourism, basketball, the cost of energy,
        social media, antibiotics, teacher pay, the harvest, swimming, immigration law, black holes, the budget,
        comic books, student loans, forest fires in Greece, vaccines, the tunnel project, jazz festivals, handball,
        quantum computers, the ferry accident, gardening, parenting, personal finance, glaciers, dinosaurs, crime,
        the city council, philosophy, the royal family""",
        """the stock market, wildfires, nuclear fusion, youth unemployment, marathon running, urban planning,
        cyber security, organic farming, the fashion industry, remote work, whale migration, tennis, coffee farming,
        the drought""",
    ),
    # In front of "news" or "podcast".
    "topic:kind": (
        """football, science, business, tech, sports, health, finance, politics, entertainment, travel, arts,
        weather, music, fashion, technology, art, local, world, environment, golf, history, gaming, property, food,
        nature, cycling, property market, true crime""",
        "economics, cricket, education, motor racing, theatre, farming, chess, film",
    ),
    # Places that a train, a coach and a plane can all serve.
    "city": (
        """Vienna, Prague, Lyon, Porto, Ghent, Seville, Krakow, Bergen, Turin, Leeds, La Rochelle, San Sebastian,
        Novi Sad, Cluj Napoca, Aix en Provence, Milton Keynes, The Hague, Clermont Ferrand, Munich, Budapest,
        Glasgow, Antwerp, Stoke on Trent, Warsaw, Geneva, Hamburg, Salamanca, Gothenburg, Bologna, Ljubljana,
        Madrid, Rome, Milan, Florence, Venice, Valencia, Bilbao, Granada, Toulouse, Nice, Bordeaux, Nantes, Lille,
        Strasbourg, Brussels, Bruges, Rotterdam, Eindhoven, Cologne, Berlin, Dresden, Bremen, Stuttgart, Nuremberg,
        Basel, Bern, Lausanne, Salzburg, Graz, Innsbruck, Linz, Copenhagen, Aarhus, Oslo, Trondheim, Stavanger,
        Stockholm, Helsinki, Tampere, Turku, Tallinn, Riga, Vilnius, Gdansk, Poznan, Lodz, Brno, Bratislava, Zagreb,
        Split, Sarajevo, Belgrade, Athens, Thessaloniki, Bucharest, Dublin, Cork, Galway, Belfast, Edinburgh,
        Aberdeen, Manchester, Liverpool, Bristol, Cardiff, York, Bath, Oxford, Norwich, Tunbridge Wells,
        Southend on Sea, Palma de Mallorca, Las Palmas, Vila Nova de Gaia, La Spezia, Baden Baden, Reggio Emilia,
        Bourg en Bresse, Ashby de la Zouch, Mont de Marsan, Herceg Novi, Stara Zagora, Bad Ischl, Malmo, Braga,
        Trieste, Verona, Pisa""",
        """Lisbon, Zurich, Marseille, Cordoba, Utrecht, Le Havre, San Marino, Banska Bystrica, Leipzig, Newcastle,
        Sofia, Santiago de Compostela, Saint Malo, Naples, Uppsala, Frankfurt an der Oder""",
    ),
    "contact": (
        """Mum, Dad, Priya, Tom Becker, Aunt Rosa, Grandma, my sister, Marek, Doctor Lindqvist, the landlord,
        Sonia Almeida, Uncle Pete, my boss, Hanna, Kwame Boateng, Julia, my neighbour, Liam, Mrs Novak, Yusuf,
        Chloe Martin, my brother, Dimitri, Coach Ramos, Ben, my running partner, Anna, Oliver Kent, Grace,
        Mr Hashimoto, Aunt Beth, Uncle Tomas, my wife, my husband, my mother, my father, the plumber,
        Doctor Adeyemi, Mia Sorensen, Nikos, Mrs Fitzgerald, the school office, Leo, Samira Haddad, my daughter,
        my son, Jakob, the vet, Carla, Stefan Wolf, my manager, Great Aunt Edith, Paulo, the receptionist,
        Ms Dubois, Zeynep, Arthur, Emily Chan, my colleague, my best friend, Professor Klein, Ravi, Nora, Granny,
        Peter Novotny, my accountant, Coach Bailey, the estate agent, Esther, Jamal Wright, the office, Agnieszka,
        Freddie, my dentist, Lukas, Sister Bernadette, Viktor Hansen, the caretaker, Tilda, Mohammed, my aunt,
        Bruno Costa, my roommate, Kim, the garage, Olga, Theresa May Lim, my godmother, Alex, the hairdresser,
        Isabel Moreno, Captain Reed, Ning, Daddy, my lawyer, Harriet, the twins""",
        """Ingrid, Carlos Mendes, my cousin, Grandpa, Mr Petrov, Fatima, the babysitter, Aunt Lucia, Owen Hughes,
        my flatmate, Mei Tanaka, Rafael, Doctor Osei, Nadia, my piano teacher""",
    ),
    "message": (
        """I'm running late, the train is delayed, dinner is ready, I got the job, we landed safely,
        the meeting moved to three, I left my keys inside, the parcel has arrived, I can't make it tonight,
        the kids are asleep, I'm outside the cinema, we need more milk, practice is cancelled, I'll bring the salad,
        the door is unlocked, I miss you, your phone is here, the wifi is down, I'm stuck in traffic,
        the tickets are sold out, my battery is nearly dead, everything went well, I found your scarf,
        lunch was great, it's your turn to cook, I'll call you on Sunday, I forgot my wallet, we won the match,
        the baby is born, there's a spare key under the pot, the boiler is leaking, I'll pay you back,
        the concert was moved, you can use my car, I'm feeling better, our flight is boarding,
        my phone was on silent, the film was terrible, don't wait for me, I booked the table, your mother called,
        the dog ate the cake, I'm bringing two friends, the road is blocked, school finishes early, I lost my voice,
        the painter comes at ten, we ran out of coffee, the test was easy, I got a new number, happy birthday,
        good luck with the exam, the printer is broken, I'm at the dentist, it's snowing here,
        I'll take the next train, they want a refund, there's soup in the fridge, the alarm went off again,
        we should talk, I booked us a court, please feed the hamster, the keys are with Rosa,
        I can't find the charger, see you on Monday, the lift is out of order, the lease is signed,
        I made too much curry, I changed the password, our team lost, nothing has changed, the picnic is off,
        I'm proud of you, the rehearsal starts at six, he never showed up, take your time, I fixed the gate,
        my tooth hurts, the guests have left, I sold the bike, we're out of petrol, the visa came through,
        I overslept, she said yes, the neighbours complained, the tap is dripping, congratulations on the house,
        I had a lovely evening, bring a jumper""",
        """I'm on my way, the bus broke down, we saved you a seat, the cake turned out fine, I passed the exam,
        the shop is closed, I'll be home by nine, your order is ready, the game starts soon, I forgot my umbrella,
        the heating works again, we're at the station, I owe you a coffee, it was lovely seeing you, nobody is home""",
    ),
    "room": (
        """kitchen, living room, bedroom, bathroom, hallway, dining room, garage, guest room, nursery, basement,
        home office, upstairs hallway, laundry room, kids' bedroom, sunroom, entrance hall, library, games room,
        pantry, master bedroom, workshop, playroom, spare room, study, porch, balcony, veranda, landing, staircase,
        foyer, cloakroom, shed, greenhouse, patio, front room, back bedroom, boot room, sewing room, meeting room,
        reception, breakfast room, dressing room, ensuite, stairwell, corridor, art studio, home cinema, mud room,
        box room, darkroom, snug, carport, tv room, twins' room, winter garden, terrace, upstairs toilet,
        small bedroom, Lena's room, boys' room, waiting room, storeroom, larder, office, back hall, family room,
        shower room, summer house, bay window""",
        """attic, conservatory, guest bathroom, loft, music room, cellar, walk in wardrobe, downstairs bathroom,
        utility room, lounge, reading corner, gym, den, granny flat""",
    ),
    "color": (
        """red, blue, warm white, green, purple, soft yellow, orange, pink, turquoise, cool white, gold, white,
        yellow, warm orange, pale blue, dark green, magenta, coral, violet, crimson, bright white, peach,
        lime green, rose, silver, indigo, soft pink, cream, navy, light purple, daylight white""",
        "lavender, teal, amber, deep red, sky blue, mint green, ivory, blue, red",
    ),
    "item": (
        """oat milk, eggs, a dozen rolls, paper towels, olive oil, bin bags, two loaves of bread, strawberries,
        toothpaste, washing powder, cat food, red onions, brown rice, orange juice, a bag of flour, light bulbs,
        kitchen foil, greek yoghurt, peanut butter, six lemons, dog biscuits, shampoo, coffee filters, frozen peas,
        tinned tomatoes, candles, a jar of honey, sparkling water, milk, butter, salt, black pepper, a cabbage,
        two litres of cream, soap, dental floss, nappies, ham, a chicken, oats, cornflakes, rice cakes, sugar,
        yeast, apples, a melon, ginger, fresh basil, bananas, mustard, ketchup, ice cream, a tin of tuna,
        white wine, four beers, apple juice, lemonade, tissues, toilet roll, sellotape, matches, bird seed,
        plant food, batteries, envelopes, printer ink, shaving foam, razor blades, plasters, cotton wool, mince,
        sausages, bacon, a pack of tortillas, crackers, walnuts, raisins, dark chocolate, biscuits, crisps, popcorn,
        noodles, couscous, cornflour, vanilla, icing sugar, sesame oil, pesto, hummus, olives, gherkins,
        cottage cheese, cheddar, parmesan, sour cream, lettuce, two avocados, radishes, garlic, limes,
        a bunch of parsley, cherries, pears, a pineapple, fish fingers, frozen berries, washing up liquid, bleach,
        dishwasher tablets, fabric softener, cling film, freezer bags, a new mop, nails, wood glue, paint brushes,
        firelighters, charcoal, ten stamps, a birthday card, wrapping paper, gift tags, balloons, sun hats,
        hair clips, a bar of soap, a jar of jam""",
        """almond butter, dish soap, three cucumbers, wholemeal pasta, sticky tape, a bottle of vinegar, tea bags,
        sponges, soy sauce, blueberries, baking paper, goat cheese, two bars of chocolate, hand cream, maple syrup""",
    ),
    "item:pack": (
        """sun cream, wool socks, swimming goggles, a rain jacket, hiking boots, a toothbrush, spare batteries,
        earplugs, a torch, a tent, two towels, my passport, swimming trunks, a warm jumper, walking sticks,
        an umbrella, playing cards, a water bottle, sunglasses, a travel pillow, slippers, a penknife, a guidebook,
        my camera, three shirts, pyjamas, gloves, a head torch, a raincoat, my laptop, travel adapters""",
        "a phone charger, sandals, a first aid kit, insect spray, a sleeping bag",
    ),
    "item:ingredient": (
        """chickpeas, spinach, coconut milk, leftover rice, carrots, mushrooms, lentils, sweet potatoes, feta,
        courgettes, ground beef, salmon, rice, potatoes, eggs, cheese, minced beef, chicken thighs, peppers,
        red lentils, kidney beans, kale, beetroot, pumpkin, cabbage, tinned tuna, white fish, bacon, noodles,
        sweetcorn, apples, green beans, asparagus, squash, yoghurt, stale bread, bean sprouts, turkey, parsnips,
        cherry tomatoes, celery, halloumi""",
        "aubergine, broccoli, tofu, black beans, cauliflower, prawns, leeks, smoked ham",
    ),
    # Follow "a".
    "event": (
        """dentist appointment, team meeting, haircut, yoga class, book club evening, piano lesson, parents evening,
        budget review, eye test, birthday party, job interview, vet visit, football match, school play,
        driving lesson, staff training day, garden party, house viewing, doctor's appointment,
        quarterly planning session, board game night, choir rehearsal, car service, wine tasting, band practice,
        chess tournament, flu jab, sales meeting, boiler inspection, cinema night, dance class, faculty meeting,
        fire drill, french course, hearing test, karate class, knitting circle, language exam, leaving do,
        math exam, midwife appointment, open day, orchestra concert, passport appointment, picnic, plumber visit,
        poker night, pub quiz, reunion, sewing class, ski trip, spa day, spelling test, sports day, summer fair,
        surprise party, board meeting, theatre trip, training session, union meeting, weekly call,
        workshop on safety, zoo trip, first aid course, flat inspection, christening, hen party, baking contest,
        kickoff meeting, delivery slot, cleaning day, parking permit appointment, eye operation, school run""",
        """physio session, pottery workshop, guitar lesson, barbecue, product demo, swimming lesson, wedding rehearsal,
        blood test, museum trip, charity run, office farewell party, neighbourhood meeting, tax consultation""",
    ),
    # Followed by "with" and a person.
    "event:joint": (
        """coffee, lunch, video call, planning meeting, catch up, phone interview, tennis match, project review,
        study session, walk, drinks, brunch, run, swim, interview, coffee break, chess game, performance review,
        budget talk, one to one, rehearsal, game of golf, planning call, bike ride, weekly meeting,
        tutoring session, road trip, shopping trip, phone call, badminton match""",
        "breakfast, brainstorming session, squash game, handover meeting, dinner, mentoring chat",
    ),
    # Mass nouns and plurals: "some ...", "a recipe for ...".
    "food": (
        """pad thai, vegetable dumplings, chicken curry, mushroom risotto, fish tacos, lentil soup, spring rolls,
        sweet and sour pork, spaghetti carbonara, falafel, ramen, fried rice, beef stew, stuffed peppers,
        tomato soup, chicken wings, fish and chips, spinach ravioli, lamb kebabs, nachos, macaroni and cheese,
        potato salad, sushi, pancakes, tacos, chow mein, hot wings, tomato risotto, pea soup, lamb curry,
        duck pancakes, egg fried rice, goulash, couscous, minestrone, beef burritos, fish stew, spare ribs,
        coleslaw, samosas, dal, biryani, vegetable lasagna soup, grilled sardines, mussels, fajitas, waffles,
        porridge, scrambled eggs, potato dumplings, pierogi, moussaka, stir fried vegetables, noodle soup, chips,
        hash browns, garlic mushrooms, squid rings, rice pudding, pumpkin soup, pea and mint soup, chicken satay,
        pork dumplings, bean stew, tempura, kimchi, chicken nuggets, baked beans, corn on the cob, tiramisu,
        ice cream sundaes, turkey schnitzel, cheese fondue, jerk chicken""",
        """butter chicken, onion rings, paella, mushroom stroganoff, sweet potato fries, beef noodles, vegetable korma,
        meatballs, pulled pork, gnocchi, crab cakes, chilli con carne, miso soup""",
    ),
    # Follow "a".
    "food:one": (
        """margherita pizza, veggie burger, chicken wrap, greek salad, club sandwich, ham omelette, bean burrito,
        cheese toastie, seafood pizza, tuna bagel, pepper quesadilla, hawaiian pizza, steak sandwich, fish burger,
        caesar salad, bacon sandwich, falafel wrap, large kebab, baked potato, pasta salad, hot dog,
        mushroom burger, tuna melt, mixed grill, vegetarian pizza, chicken pie, noodle bowl, sausage roll,
        spicy salami pizza, rice box, chocolate milkshake, fruit salad, meatball sub, cheese omelette, egg roll""",
        "four cheese pizza, halloumi wrap, avocado salad, double cheeseburger, poke bowl, egg sandwich, calzone",
    ),
    "food:oven": (
        """lasagne, roast potatoes, banana bread, garlic bread, baked salmon, apple crumble, brownies,
        potato gratin, chocolate cake, cheese scones, apple pie, rhubarb crumble, muffins, soda bread,
        baked potatoes, fish pie, macaroni bake, carrot cake, focaccia, cottage pie, roast lamb, vegetable bake,
        gingerbread, lemon drizzle cake, roast beef, ginger biscuits, pizza, nut roast, custard tart,
        roasted pumpkin, meringues, croissants, oven chips, stuffed squash, plum cake, rye bread""",
        "shepherd's pie, cinnamon rolls, roast chicken, sourdough, quiche, cauliflower cheese, flapjacks",
    ),
}
VALUES["from_city"] = VALUES["to_city"] = VALUES["city"]

# Each entry: phrasings of the training file, phrasings of the test file; one a line.
PHRASINGS = {
    "set_alarm": (
        """
        wake me at {time:wake}
        wake me up at {time:wake} {date}
        set an alarm for {time:wake}
        set an alarm for {time:wake} {date}
        set the alarm on {date:on} for {time:wake}
        can you set an alarm for {time:wake}?
        could you wake me at {time:wake} on {date:on}, please?
        I need to be up by {time:wake} {date}
        I have to get up at {time:wake}, set an alarm
        alarm {time:wake}
        alarm for {date} at {time:wake}
        {time:short} alarm
        {time:short} alarm on {date:on}
        {date}, wake me up at {time:wake}
        {time:wake} {date}, set the alarm
        make sure I'm awake by {time:wake}
        please get me up at {time:wake} {date}
        don't let me sleep past {time:wake}
        wake me in {duration:long}
        I'm taking a nap, wake me up in {duration:long}
        set my alarm clock to {time:wake}
        set two alarms, one for {time:wake} and one for {time:wake}
        add an alarm at {time:wake} and another at {time:wake}
        create a new alarm for {time:wake}
        would you mind setting an alarm for {time:wake} {date}?
        I want the alarm to go off at {time:wake}
        have my alarm ring at {time:wake} on {date:on}
        my train is early, so wake me at {time:wake} {date}
        turn on my {time:short} alarm
        every {date:week} at {time:wake}, sound the alarm
        can you wake me up {date}?
        give me a wake up call at {time:wake}
        set an alarm
        I need a new alarm
        wake me up when it gets light
        I'd like to set an alarm, please
        please wake me at {time:wake} {date}, not later
        I'd like to be woken at {time:wake}
        can I have an alarm for {time:wake} on {date:on}?
        put an alarm on for {time:wake}
        the alarm should ring at {time:wake} {date}
        alarm at {time:wake} please
        use the loud alarm {date}, {time:wake}
        a {time:short} alarm for {date}, please
        move my alarm to {time:wake}
        change the {time:short} alarm to {time:wake}
        set my usual alarm for {date} at {time:wake}
        start the alarm at {time:wake} every {date:week}
        I get up at {time:wake} on {date:on}, so set an alarm
        we have a flight {date}, wake us at {time:wake}
        wake the whole house at {time:wake} {date}
        could you ring me awake at {time:wake}?
        I want to wake up at {time:wake} {date}
        set an alarm {duration:long} from now
        I'll rest for {duration:long}, set an alarm for after that
        three alarms, {time:wake}, {time:wake} and {time:wake}
        alarm on {date:on}, {time:wake}
        on {date:on} I start work at {time:wake}, alarm please
        {time:wake} is when my alarm should ring
        remember to wake me at {time:wake}
        for {date} set the alarm to {time:wake}
        wake me early {date}, at {time:wake}
        set an alarm so that I can leave at {time:wake}
        give me an alarm
        """,
        """
        rouse me at {time:wake} {date}
        I've got to be out of bed by {time:wake}
        schedule a wake up alarm for {time:wake}
        make the alarm go off {date} at {time:wake}
        {date} I need an alarm, {time:wake} to be exact
        get me out of bed at {time:wake} on {date:on}
        could I have an alarm at {time:wake}, please?
        ring the alarm in {duration:long}
        let me sleep for {duration:long}, then wake me
        two alarms please, {time:wake} and {time:wake}
        {time:wake}, that's when I want to wake up
        alarm clock on, {time:wake} sharp
        I can't oversleep {date}, so put the alarm on for {time:wake}
        program an alarm for me
        """,
    ),
    "set_timer": (
        """
        set a timer for {duration}
        set a {duration:adj} timer
        start a {duration:bake} timer for the {food:oven}
        timer {duration}
        {duration}, start the timer
        {duration:adj} timer please
        {duration:long} on the timer for my {food:oven}
        count down from {duration}
        can you start a countdown of {duration}?
        could you time {duration} for me?
        put {duration} on the timer
        I need a timer for {duration}
        I need a {duration:adj} countdown
        give me {duration} on the timer
        start timing {duration} now
        please set the kitchen timer to {duration}
        I just put the {food:oven} in the oven, set a timer for {duration:long}
        let's do a {duration:adj} timer
        run a timer for {duration}, would you?
        begin a {duration:adj} countdown
        I'm working out, time me for {duration}
        set another timer for {duration}
        two timers, one for {duration} and one for {duration}
        set one timer for {duration} and another for {duration}
        new timer, {duration}
        would you set a timer for {duration}, please?
        have the timer go off in {duration}
        make the timer {duration} long
        timer for the {food:oven}, {duration:long}
        {food:oven} timer, {duration:long}
        {duration:adj} countdown, go
        beep after {duration}
        start a study timer of {duration:long}
        start the timer
        set a timer
        I need to time something
        can you start a countdown?
        timer for {duration}, please
        time {duration}
        set the timer to {duration}, thanks
        set a timer that runs {duration}
        please start a timer for {duration}
        start {duration} on the clock
        do a countdown of {duration}
        {duration} timer
        a {duration:bake} timer for the {food:oven}, please
        the {food:oven} needs {duration:long}, set a timer
        bake the {food:oven} for {duration:long}, start the timer
        my {food:oven} takes {duration:long}, can you time it?
        set a {duration:bake} timer called {food:oven}
        add {duration} to a new timer
        tell me when {duration} are up
        let me know once {duration} have passed
        alert me in {duration}
        I want the timer to run {duration}
        can you put a {duration:adj} timer on?
        give the eggs {duration}, timer please
        we are playing a game, time {duration}
        I'll meditate, set a timer for {duration:long}
        begin timing, {duration}
        from now {duration}, count down
        one {duration:adj} timer and one {duration:adj} timer
        a break of {duration:long}, time it
        make it a {duration:adj} timer
        open the timer
        """,
        """
        kick off a timer for {duration}
        get a {duration:adj} timer going
        can I get {duration} on the timer?
        start counting down {duration}
        the {food:oven} went in just now, so time {duration:long}
        {duration}, please time it
        how about a {duration:bake} timer for the {food:oven}?
        let the timer run for {duration}
        I'd like two timers, {duration} and {duration}
        buzz when the timer has run for {duration}
        a {duration:adj} timer, quick
        time my reading, {duration}
        countdown timer set to {duration} please
        launch a countdown
        """,
    ),
    "set_reminder": (
        """
        remind me to {task}
        remind me to {task} at {time}
        remind me to {task} {date}
        remind me {date} to {task}
        remind me at {time} to {task}
        remind me at {time} {date} to {task}
        remind me in {duration:long} to {task}
        in {duration:long}, remind me to {task}
        {date}, remind me to {task}
        at {time} {date} I have to {task}, remind me
        don't let me forget to {task}
        don't let me forget to {task} {date}
        can you remind me to {task} on {date:on}?
        could you please remind me to {task} at {time}?
        set a reminder to {task}
        set a reminder for {time} to {task}
        set a reminder for {date} at {time} to {task}
        I need a reminder to {task} on {date:on}
        reminder, {task} at {time}
        reminder for {date}, {task}
        {task}, remind me at {time}
        {task} {date}, set a reminder
        I always forget to {task}, so remind me {date}
        make sure I remember to {task}
        help me remember to {task} {date}
        would you remind me to {task} in {duration:long}?
        give me a reminder at {time} that I need to {task}
        create a reminder to {task} every {date:week}
        I must not forget to {task} at {time}
        when it's {time}, remind me to {task}
        ping me at {time} to {task}
        I'd like to be reminded to {task} at {time} on {date:on}
        before I forget, remind me to {task}
        set a reminder
        I need a reminder
        can you remind me of something later?
        remind us to {task} {date}
        please remind me {date} that I have to {task}
        I should {task} {date}, can you remind me?
        I have to {task} on {date:on}, set a reminder please
        add a reminder for {date} to {task}
        add a reminder at {time}, {task}
        make a reminder, {task}, {date}, {time}
        my reminder for {time} is to {task}
        at {time} remind me that I wanted to {task}
        on {date:on} remind me to {task}
        on {date:on} at {time} I need to {task}, remind me please
        every {date:week} remind me to {task}
        could I get a reminder in {duration:long} to {task}?
        will you remind me to {task} at {time}?
        send me a reminder {date} to {task}
        reminder to {task} {date} at {time}
        reminder, {date}, {task}
        note to self, {task} {date}
        I keep forgetting to {task}, set a reminder for {time}
        let me know at {time} that I must {task}
        {date} at {time}, remind me to {task}
        wait {duration:long} and then remind me to {task}
        {duration:long} from now I have to {task}, remind me
        it is important that I {task} {date}, remind me
        store a reminder to {task}
        remind me about something
        please tell me {date} that I should {task}
        the reminder is to {task}, at {time} {date}
        """,
        """
        give me a nudge to {task} at {time}
        jog my memory {date}, I have to {task}
        I'm bound to forget, so prompt me to {task} {date}
        {task}, don't let that slip my mind
        put in a reminder for me to {task} on {date:on}
        after {duration:long}, remind me that I should {task}
        tell me to {task} when it's {time}
        would it be possible to get a reminder to {task} {date}?
        at {time}, nag me to {task}
        see that I don't forget to {task}
        new reminder, {date} at {time}, {task}
        in about {duration:long} I should {task}, so remind me
        add a reminder please
        """,
    ),
    "play_music": (
        """
        play {song}
        play {song} by {artist}
        play some {genre}
        play some {genre} in the {room}
        put on {song} by {artist}
        put on some {genre}, please
        can you play {artist}?
        can you play something by {artist}?
        I want to hear {song}
        I want to listen to {artist}
        I'm in the mood for some {genre}
        {artist}, any album will do
        {song} by {artist}
        {genre} in the {room}
        {artist} on shuffle
        shuffle songs by {artist} in the {room}
        let's hear the new album by {artist}
        could you start the song {song}?
        would you play me the track {song}?
        start my {genre} playlist
        queue up the song {song} after this
        add {song} by {artist} to the music queue
        next, play {song} by {artist}
        I'd love some {genre} right now
        play the latest single from {artist}
        in the {room}, play {artist}
        how about a bit of {genre}?
        loop the song {song} for me
        play {song} on the speaker in the {room}
        what I really want to hear is {song} by {artist}
        play my favourite songs
        play some music
        put some tunes on
        turn the music on
        I'm bored, play me a song
        give me something to dance to
        play me some {genre}
        play {artist} please
        play {artist} in the {room}
        play anything by {artist}
        play {song} from {artist}
        play the song {song} in the {room}
        please play the song called {song}
        could you play {song} by {artist} again?
        can I hear {artist} in the {room}?
        can we listen to {genre}?
        start {song}
        start playing {artist}
        start some {genre} in the {room}, please
        hit play on {song} by {artist}
        I'd like to hear {song} from {artist}
        I feel like {genre} today
        I really love {artist}, play one of their songs
        my favourite band is {artist}, put them on
        do you have {song} by {artist}?
        have you got any {genre}?
        switch to {genre}
        skip this and play {song}
        a song by {artist}, please
        the song {song}, please
        {genre} please
        {genre} for the {room}, not too loud
        {artist}, the song {song}
        turn on {artist}
        turn up {song} in the {room}
        we want to dance to {artist}
        let's listen to some {genre} by {artist}
        music by {artist}
        the album by {artist} from the beginning
        repeat {song} by {artist}
        who sings {song}? play it
        make a playlist with {artist} and {artist}
        play something
        """,
        """
        blast some {genre}
        crank up {song} by {artist}
        let me hear {artist} singing {song}
        spin the record {song}
        throw on a few songs by {artist}
        {artist} in the {room}, and loud
        {song}, could you play that one for me?
        fill the {room} with {genre}
        I fancy listening to {genre}
        any track by {artist} will do, just play it
        may I hear {song}, please?
        is there any {genre} you could put on in the {room}?
        pop on a tune by {artist}
        get the music going
        """,
    ),
    "play_podcast": (
        """
        play the podcast {podcast}
        play the latest episode of {podcast}
        play {podcast} from my podcasts
        start the podcast {podcast}
        put on the podcast {podcast}
        put on a podcast about {topic}
        can you play a podcast about {topic}?
        find me a podcast on {topic}
        I want to listen to the podcast {podcast}
        I'd like to hear a podcast about {topic}, please
        resume the podcast {podcast}
        continue the last episode of {podcast}
        {podcast}, newest episode
        {podcast} podcast, please
        next episode of {podcast}
        could you start {podcast} from the first episode?
        if there's a new episode of {podcast}, play it
        any good podcasts about {topic}?
        give me an episode about {topic}
        {topic:kind} podcasts, please
        shuffle my podcasts about {topic}
        let's listen to an episode of {podcast}
        play episode three of {podcast}
        play the podcast {podcast} in the {room}
        an episode of {podcast} in the {room}, please
        on the way to work I want the podcast {podcast}
        tune in to the podcast {podcast}
        would you put {podcast} on? I want to catch up on that podcast
        queue the newest episode of {podcast}
        play a {topic:kind} podcast
        something to learn from, maybe a podcast about {topic}
        play me a podcast
        play my podcasts
        I want a podcast for the drive
        start the next podcast in my queue
        put on any podcast
        play {podcast}, the podcast
        play the newest {podcast} podcast
        play a show about {topic}, a podcast I mean
        please play the podcast {podcast} from the start
        I would like to listen to {podcast}, it is a podcast
        can we hear the podcast {podcast}?
        could you find podcasts about {topic}?
        do you have podcasts on {topic}?
        is there a podcast about {topic}?
        a podcast on {topic}, please
        the podcast {podcast}, please
        the last episode of {podcast}, please
        start a podcast about {topic} in the {room}
        start episode ten of {podcast}
        switch to the podcast {podcast}
        skip to the next episode of {podcast}
        go back to {podcast}, the episode from last week
        subscribe to the podcast {podcast} and play it
        my podcast is called {podcast}, put it on
        search for a {topic:kind} podcast
        find a {topic:kind} podcast for me
        I like {topic:kind} podcasts, start one
        I want to learn about {topic}, play a podcast
        we want to hear a podcast about {topic}
        podcast about {topic}
        podcast {podcast}, latest episode
        {podcast}, play the last episode
        recommend a podcast about {topic}
        turn on {podcast} in the {room}, the podcast
        listen to {podcast}
        has {podcast} got a new episode?
        begin the podcast {podcast} where I stopped
        some podcast, please
        """,
        """
        I haven't heard the new episode of {podcast}, play it
        bring up the podcast called {podcast}
        pick a podcast that covers {topic}
        I'm behind on {podcast}, play the oldest episode
        {podcast}, that podcast, carry on from where I stopped
        an episode that talks about {topic}, please
        load up the podcast {podcast} for my run
        which podcasts deal with {topic}? play one
        may I listen to the most recent episode of {podcast}?
        stream the show {podcast}, it's a podcast
        {topic:kind} podcasts, what have you got?
        get the first episode of {podcast} going in the {room}
        surprise me with a podcast
        """,
    ),
    "get_weather": (
        """
        what's the weather like in {city}?
        what's the weather like {date:soon}?
        what will the weather be like in {city} {date:soon}?
        how's the weather in {city}?
        weather in {city}
        weather {date:soon}
        weather for {city} {date:soon}
        {city} weather
        {city} weather {date:soon}
        {city} forecast for {date}
        {date:soon} in {city}, will it be sunny?
        is it raining in {city}?
        will it rain {date:soon}?
        will it rain in {city} at {time}?
        is it going to snow in {city} {date:soon}?
        do I need an umbrella {date:soon}?
        do I need a coat in {city} {date:soon}?
        how hot will it get in {city} {date:soon}?
        how cold is it in {city} right now?
        what's the temperature in {city}?
        tell me the forecast for {city}
        give me the weather report for {city}, please
        can you check the weather in {city} for {date}?
        could you tell me if it will be windy in {city} {date:soon}?
        I'm travelling to {city}, what's the forecast?
        I'm off to {city} {date}, will it be warm there?
        any chance of rain in {city} on {date:on}?
        will it stay dry between {time:from} and {end_time}?
        is it foggy in {city}?
        should I expect thunder in {city} {date:soon}?
        please check whether it's sunny in {city}
        how humid is it in {city}?
        will it be warm enough for a picnic {date:soon}?
        what's the weather like?
        is it cold outside?
        will I need sunglasses?
        weather forecast please
        how windy is it going to be?
        what is the weather in {city} {date:soon}?
        what is the weather on {date:on} in {city}?
        what's the forecast for {city} {date:soon}?
        what's the forecast {date:soon}?
        how will the weather be in {city} on {date:on}?
        how warm is {city} {date:soon}?
        how much rain will there be in {city} {date:soon}?
        how is the weather looking {date:soon}?
        tell me the weather in {city}
        tell me about the weather in {city} on {date:on}
        weather report for {city}, please
        weather at {time} in {city}
        weather on {date:on}
        the weather in {city} {date:soon}, please
        the forecast for {date:soon}, please
        temperature in {city} {date:soon}
        temperature at {time}?
        does it rain in {city} a lot?
        does {city} get snow {date:soon}?
        is {city} warm {date:soon}?
        is it windy in {city} at {time}?
        is it sunny {date:soon} in {city}?
        is there snow in {city}?
        is there going to be ice {date:soon}?
        will {city} be hot {date:soon}?
        will it be cloudy in {city} on {date:on}?
        will the sun shine {date:soon}?
        we fly to {city} {date}, how is the weather there?
        I'm in {city} {date:soon}, do I need a jacket?
        I want the forecast for {city}
        in {city}, is it raining right now?
        from {time:from} to {end_time}, will it rain in {city}?
        check the forecast for {date:soon}
        show the weather for {city} {date:soon}
        can I wear shorts {date:soon}?
        give me the temperature
        """,
        """
        are there clouds over {city}?
        what's it like outside in {city}?
        should I pack boots for {city} {date:soon}?
        is a storm heading for {city}?
        {city}, sunny or grey {date:soon}?
        how many degrees will it be in {city} at {time}?
        can I expect sunshine {date:soon}?
        show me the forecast, {city}, {date}
        I'd like to know how the weather will be on {date:on}
        {date:soon}, is there any frost on the way?
        is it likely to pour in {city} from {time:from} until {end_time}?
        will I freeze in {city} {date:soon}?
        weather update for {city}
        what are the skies doing?
        """,
    ),
    "get_news": (
        """
        what's in the news {date:past}?
        what's the latest news about {topic}?
        any news on {topic}?
        news about {topic}
        news from {city}
        {city} news
        {topic:kind} news, please
        {topic}, what's the latest news?
        {date:past} in {city}, what made the news?
        read me the headlines about {topic}
        tell me the {topic:kind} headlines
        give me the {topic:kind} news
        can you give me the news from {city}?
        could you read me some news about {topic}?
        what happened in the world {date:past}?
        what's happening in {city}? any headlines?
        top stories from {city}
        show me the top stories about {topic}
        catch me up on the news about {topic}
        what are people reporting about {topic}?
        are there any breaking stories on {topic}?
        is there any news from {city} {date:past}?
        I missed the news {date:past}, sum it up
        what does the press say about {topic}?
        news briefing on {topic}
        local news for {city}
        find me an article about {topic}
        fill me in on the {topic:kind} news
        what did the papers write about {topic} {date:past}?
        how is the press covering {topic}?
        what's the news?
        read me the headlines
        I'd like to hear the news, please
        start my news briefing
        play the news bulletin
        what is new about {topic}?
        what is going on in {city}? read me the news
        what's the news from {city} {date:past}?
        what's the {topic:kind} news {date:past}?
        what did they say on the news about {topic}?
        what are the {topic:kind} headlines?
        what was in the news about {topic} {date:past}?
        news on {topic}
        news on {topic} from {date:past}
        news from {city}, please
        the news from {city} {date:past}
        the latest on {topic}
        the {topic:kind} news {date:past}, please
        headlines about {topic}
        headlines from {city}
        {topic:kind} news
        {topic:kind} news from {city}
        play the {topic:kind} news
        read the news about {topic}
        read me the {topic:kind} news from {date:past}
        read out the headlines from {city}, please
        tell me the news about {topic}
        tell me what happened in {city} {date:past}
        tell me more about {topic} in the news
        do you have news on {topic}?
        is {topic} in the news?
        is there something new about {topic}?
        has anything happened with {topic}?
        I want to hear about {topic}, any news?
        I'd like the {topic:kind} headlines
        give me an update on {topic}
        give me news from {city} about {topic}
        search the news for {topic}
        look for reports about {topic} in the news
        keep me posted about {topic}
        how did the {topic:kind} world do {date:past}?
        today's news, please
        """,
        """
        bring me up to speed on the news in {city}
        anything in the papers about {topic}?
        what's been reported on {topic} {date:past}?
        what made headlines {date:past}?
        {city}, what are the top headlines there?
        have there been any reports on {topic} {date:past}?
        I want a summary of the {topic:kind} news
        {topic:kind} headlines, go
        walk me through the big stories from {city}
        what have journalists been saying about {topic}?
        did anything newsworthy happen in {city} {date:past}?
        I haven't followed {topic}, what's the latest story?
        current affairs briefing please
        update me with the day's news
        """,
    ),
    "send_message": (
        """
        text {contact} {message}
        text {contact} that {message}
        text {contact} saying {message}
        tell {contact} {message}
        tell {contact} that {message}
        message {contact}, {message}
        send {contact} a message saying {message}
        send a message to {contact} saying {message}
        send a text to {contact}, {message}
        send {contact} a text
        send {message} to {contact}
        can you text {contact} that {message}?
        could you let {contact} know that {message}?
        let {contact} know {message}
        please write {contact} a text saying {message}
        {message}, send that to {contact}
        {message}, text it to {contact}
        write to {contact} that {message}
        write {contact} a message, {message}
        I want to send {contact} a message
        I need to text {contact} that {message}
        drop {contact} a line saying {message}
        new message to {contact}, {message}
        reply to {contact} with {message}
        reply to {contact} that {message}
        answer {contact}, {message}
        would you message {contact} and say {message}?
        shoot {contact} a quick text, {message}
        message for {contact}, {message}
        {contact} should know that {message}, send a text
        text both {contact} and {contact} that {message}
        give {contact} the message that {message}
        send a message
        I'd like to write a text
        can you send a text for me?
        compose a new message
        send {contact} this message, {message}
        send {contact} the text {message}
        send word to {contact} that {message}
        send a quick message to {contact}, {message}
        please text {contact}, {message}
        please tell {contact} {message}
        please send a message to {contact} that {message}
        can you tell {contact} that {message}?
        can you send {contact} a message that {message}?
        could you write {contact} that {message}?
        could you text {contact} back that {message}?
        will you tell {contact} {message}?
        I'd like to tell {contact} that {message}
        I want to text {contact}, {message}
        I have to let {contact} know {message}
        I need to send {contact} a message, {message}
        my message to {contact} is {message}
        message {contact} that {message}
        message to {contact}, {message}
        text to {contact}, {message}
        text my reply to {contact}, {message}
        write {message} to {contact}
        write a note to {contact} saying {message}
        write back to {contact}, {message}
        let {contact} and {contact} know that {message}
        tell both {contact} and {contact} {message}
        say {message} to {contact}
        email {contact} that {message}
        a text for {contact}, {message}
        a message to {contact}, please, {message}
        {contact} asked me, answer that {message}
        {contact} is waiting, text that {message}
        for {contact}, {message}, send it
        send my love to {contact}
        write a new text message
        """,
        """
        inform {contact} that {message}
        pass on to {contact} that {message}
        ping {contact} with the words {message}
        get a message to {contact}, tell them {message}
        {contact} needs to hear that {message}, so message them
        fire off a text to {contact}, {message}
        would you be so kind as to tell {contact} that {message}?
        {message}, please pass that along to {contact}
        say to {contact} in a text that {message}
        respond to {contact}, {message}
        text message for {contact} reading {message}
        message the two of them, {contact} and {contact}, {message}
        I have something to tell {contact}, write that {message}
        start a new text
        """,
    ),
    "make_call": (
        """
        call {contact}
        call {contact} right now
        call {contact} on speaker
        call {contact} at work
        phone {contact}
        please phone {contact} for me
        ring {contact}
        give {contact} a ring
        give {contact} a call, please
        dial {contact}
        can you call {contact}?
        could you phone {contact} at home?
        would you get {contact} on the phone?
        I want to talk to {contact}
        I need to speak to {contact} on the phone
        I'd like to call {contact}
        {contact}, call them
        {contact} on the phone, please
        {contact}, mobile number, dial it
        video call {contact}
        start a video call with {contact}
        start a call with {contact} and {contact}
        make a call to {contact}
        place a call to {contact}, please
        put me through to {contact}
        connect me with {contact}
        call {contact} back
        return the call from {contact}
        try calling {contact} again
        let's call {contact}
        is {contact} free? call and find out
        hands free call to {contact}
        make a phone call
        I want to make a call
        redial the last number
        call the last person who rang me
        can you call someone for me?
        call {contact} for me
        call {contact}, please
        call {contact} and {contact}
        call {contact} on the mobile
        call up {contact}
        please call {contact}
        please dial {contact}'s number
        please ring {contact} at home
        can you ring {contact} for me?
        can you phone {contact} now?
        could you call {contact} back?
        could you dial {contact}, please?
        will you call {contact}?
        would you ring {contact}?
        I want to call {contact}
        I want to video call {contact}
        I need to call {contact} at work
        I need {contact} on the phone
        I have to phone {contact}
        I must ring {contact} back
        I'd like to speak with {contact}
        I missed a call from {contact}, call back
        we should call {contact}
        time to call {contact}
        {contact}, please call
        {contact}, ring the mobile
        make a video call to {contact}
        start calling {contact}
        dial {contact} on speaker
        phone {contact} again
        phone {contact} and put it on speaker
        ring {contact} and ask for {contact}
        talk to {contact}
        join {contact} and {contact} in one call
        use the phone to call {contact}
        ring someone
        """,
        """
        get me {contact} on the line
        get {contact} on a video call
        I have to have a word with {contact}, dial the number
        {contact} rang me earlier, ring back
        hook me up with {contact} by phone
        could I speak with {contact}, please?
        phone up {contact} at the office
        {contact}, voice call
        begin a phone call with {contact}
        let me talk to both {contact} and {contact}
        see if {contact} picks up the phone
        can you reach {contact} by phone for me?
        open the dialler
        """,
    ),
    "control_lights": (
        """
        turn on the lights in the {room}
        turn on the {room} lights
        turn off the {room} light
        turn the lights off in the {room}
        switch the {room} lamp on
        switch off the light in the {room}, please
        {room} lights on
        {room} lights off
        {room} lights {color}
        {color} lights in the {room}
        {color} light, please
        make the {room} lights {color}
        set the lights in the {room} to {color}
        change the light to {color}
        can you dim the lights in the {room}?
        could you turn the {room} lights {color}?
        dim the {room} lights a little
        brighten the {room} lights
        it's too dark in the {room}, put the light on
        it's too bright in the {room}, dim the lamp
        I want {color} light in the {room}
        I'd like the {room} lit in {color}
        would you switch the lights off in the {room} and the {room}?
        lights off in the {room} at {time}
        at {time}, turn on the {room} lights
        turn the {room} lights off in {duration:long}
        keep the {room} lights on from {time:from} to {end_time}
        leave the light on in the {room}
        fade the {room} lights to {color}
        make the lights in here {color}
        did I leave the {room} lights on? turn them off
        please light up the {room}
        turn every light off except the {room} lamp
        all the lights off
        turn on the lights
        lights out
        dim the lights
        make it brighter in here
        turn the light on in the {room}
        turn the {room} light {color}
        turn on the lamp in the {room}, please
        turn off the lights in the {room} and the {room}
        turn off the {room} lights at {time}
        turn down the lights in the {room}
        please turn the {room} lights on
        please dim the {room} light
        please make the light in the {room} {color}
        can you switch on the light in the {room}?
        can you turn off the lamp in the {room}?
        can you make the {room} {color}?
        could you set the {room} lamp to {color}?
        could you brighten the lights in the {room}?
        would you turn on the {room} lamp?
        I need light in the {room}
        I'd like {color} lights, please
        I want the {room} lights off
        I'm leaving the {room}, lights off
        we're in the {room}, lights on please
        light in the {room}, please
        lights on in the {room}
        lights on in the {room} for {duration:long}
        lights to {color} in the {room}
        {room} lamp on
        {room} lamp off, please
        {room} light to {color}
        {color} for the lamp in the {room}
        set the {room} to {color}
        set the brightness in the {room} to half
        switch on the {room} lights at {time}
        switch the light in the {room} from white to {color}
        switch everything off in the {room}
        the light in the {room} should be {color}
        the {room} is dark, turn on the lamp
        the lights in the {room} can go off in {duration:long}
        change the {room} lights to {color}
        is the light on in the {room}? switch it off
        light the {room} from {time:from} until {end_time}
        give the {room} a {color} light
        light, please
        """,
        """
        kill the lights in the {room}
        I can't see a thing in the {room}, lamp on
        have every bulb shine in the {room}
        {room}, lights on full
        {color} is the light I want in the {room}
        let there be light in the {room}
        have the {room} lights glow {color}
        could the {room} lamp go {color}, please?
        shut off every light in the {room}
        bulbs to {color}
        flip on the {room} light, would you?
        no light needed in the {room} any more
        light up the {room} in {color} between {time:from} and {end_time}
        can the lights come on at {time} in the {room}?
        give me some light
        """,
    ),
    "add_to_list": (
        """
        add {item} to my shopping list
        add {item} to the list
        add {item} and {item} to the shopping list
        put {item} on the list
        put {item} and {item} on my grocery list
        please put {item} on the shopping list
        can you add {item} to the shopping list?
        could you put {item} on our list?
        would you add {item} and {item} to the list, please?
        I need {item}, put that on the list
        we're out of {item:ingredient}, add that to the list
        we're running low on {item:ingredient}, write that on the list
        {item} on the shopping list
        {item} and {item}, shopping list
        {item}, stick that on the grocery list
        write {item} on the shopping list
        write down {item} on my list
        shopping list, add {item}
        grocery list, {item}
        include {item} in the shopping list
        make sure the shopping list has {item}
        my list needs {item}
        I want {item} on the list
        I'd like to add {item:pack} to my packing list
        add {item:pack} to the packing list for the trip
        pop {item} on the list, will you?
        also add {item} and {item} and {item} to the list
        next on the list, {item}
        for the party list, {item} and {item}
        oh, and {item} for the list
        put some {item:ingredient} on the list
        I finished the {item:ingredient}, put more on the list
        could we get {item} onto the list?
        add something to my list
        I have new things for the shopping list
        let's add to the grocery list
        add {item}
        add {item} to our shopping list
        add {item}, {item} and {item} to the list
        add some {item:ingredient} to the shopping list
        add {item} to the list for the supermarket
        please add {item} to my list
        please write {item} on the list
        can you put {item} on the shopping list?
        can you put {item} and {item} on my list?
        could you add {item} to my grocery list, please?
        would you write {item} on the list?
        will you add {item:ingredient} to the list?
        I need to buy {item}, add it to the list
        I need {item} and {item} on the list
        I'd like {item} on the shopping list
        I forgot {item}, put it on the list
        I want to add {item} to the grocery list
        we need {item}, list please
        we have no {item:ingredient} left, put it on the list
        there is no {item:ingredient}, add some to the shopping list
        buy {item}, add that to my list
        list, {item}
        list {item} and {item}
        {item} for the shopping list
        {item} to the list
        {item}, {item} and {item} on the grocery list, please
        {item} goes on the list
        on my list put {item}
        on the packing list, {item:pack}
        pack {item:pack}, put it on the list
        don't let me leave without {item:pack}, packing list please
        packing list, {item:pack} and {item:pack}
        place {item} on the shopping list
        save {item} to my shopping list
        the list should have {item}
        we always forget {item}, put it on our list
        shopping list, {item} and {item}
        new item for the list
        """,
        """
        jot {item} down on the grocery list
        the shopping list is missing {item}
        {item} should go on the list
        tack {item} and {item} onto my shopping list
        I used up the {item:ingredient}, get that on the list
        throw {item} on the list as well
        extend the list with {item}
        can {item} go on the shopping list, please?
        {item} and {item}, both for the grocery list
        one more thing for my list, {item}
        update my shopping list with {item}
        have {item:pack} included on the packing list
        let me put something on the grocery list
        """,
    ),
    "create_event": (
        """
        schedule a {event} for {date}
        schedule a {event} for {date} at {time:day}
        schedule a {event:joint} with {contact} on {date:on}
        add a {event} to my calendar
        add a {event} to my calendar for {date} at {time:day}
        put a {event} in my calendar for {date}
        put my {event} in the diary, {date} at {time:day}
        create an event called {event}
        create a calendar event, {event}, {date}, {time:day}
        new event, {event} on {date:on}
        new calendar entry, {event}, {time:from} to {end_time}
        {event} on {date:on} at {time:day}, put it in the calendar
        {event:joint} with {contact} {date}, add it to my calendar
        {date} from {time:from} to {end_time}, {event}, save it in my calendar
        can you schedule a {event:joint} with {contact} for {date}?
        could you put a {event} on my calendar, please?
        could you block {time:from} to {end_time} {date} for a {event}?
        block out {date} for the {event} in my calendar
        book a slot in my calendar for a {event} on {date:on}
        I have a {event} {date}, add it to the calendar
        I've got a {event} on {date:on} at {time:day}, calendar please
        I need to schedule a {event}
        I'd like to set up a {event:joint} with {contact}
        set up a {event:joint} with {contact} and {contact} {date}
        set up a {event} from {time:from} until {end_time} on {date:on}
        plan a {event} for {date} at {time:day}
        please enter the {event} in my calendar
        mark the {event} on my calendar for {date}
        pencil in a {event:joint} with {contact} {date}
        arrange a {event:joint} with {contact} at {time:day}
        my {event} is {date} at {time:day}, save that in the calendar
        reserve {date} in my diary for a {event}
        invite {contact} to a {event:joint} {date} at {time:day}
        let's schedule a {event}, {time:from} till {end_time} on {date:on}
        make an appointment in my calendar
        create a new event
        add something to my calendar
        I want to put an event in my diary
        add a {event} on {date:on}
        add my {event} to the calendar, {date}
        add a {event:joint} with {contact} to my calendar
        add {event:joint} with {contact} at {time:day} {date}
        put a {event} on the calendar
        put {event:joint} with {contact} in my diary for {date}
        put the {event} on {date:on} in my calendar
        please add the {event} to my calendar
        please schedule a {event} {date} at {time:day}
        please put down a {event} for {date}
        can you add a {event} to my calendar on {date:on}?
        can you put {event:joint} with {contact} in the calendar?
        can you create an event for the {event} {date}?
        could you schedule a {event} from {time:from} to {end_time}?
        could you set up a {event:joint} with {contact} {date}?
        I'm having a {event:joint} with {contact} {date}, add it
        I have {event:joint} with {contact} at {time:day}, put it in my calendar
        I want a {event} in my calendar at {time:day} {date}
        I'd like to add a {event} to my diary
        we have a {event} on {date:on}, save it in the calendar
        we are meeting {contact} for {event:joint} {date}, calendar please
        calendar, {event} on {date:on}
        calendar entry for {date}, {event}
        event {date}, {event} at {time:day}
        make a {event} appointment for {date}
        make an event for {date:on}, {event}
        make room {date} for a {event} in the diary
        save the date, {event} on {date:on}
        save a {event} in my calendar, {date} from {time:from} to {end_time}
        the {event} is on {date:on}, put that in my diary
        the {event} is from {time:from} until {end_time} {date}, calendar please
        move the {event} in my calendar to {date}
        schedule {event:joint} with {contact} and {contact}
        schedule my {event} on {date:on} from {time:from} to {end_time}
        set a {event} for {date} at {time:day} in the calendar
        {event}, {date:on}, calendar
        new appointment, {event}, {date}
        open a calendar entry for me
        """,
        """
        note the {event} in my diary for {date}
        get a {event} onto my calendar, {date} at {time:day}
        find room in the calendar for a {event:joint} with {contact}
        {event}, {date}, {time:day}, into the calendar please
        {date} is my {event}, log it in the calendar
        lock in a {event:joint} with {contact} for {date} at {time:day}
        slot a {event} into my schedule on {date:on} between {time:from} and {end_time}
        would you make a calendar entry for the {event}?
        keep {time:from} to {end_time} free {date}, I have a {event}
        my agenda should show a {event} on {date:on}
        organise a {event:joint} with {contact} and {contact} {date}
        there's a {event} {date} that belongs in my calendar
        start a new calendar entry
        """,
    ),
    "book_ticket": (
        """
        book a train from {from_city} to {to_city}
        book a train ticket to {to_city}
        book me a flight to {to_city} {date}
        book a seat on the {time:short} train to {to_city}
        book two tickets from {from_city} to {to_city} on {date:on}
        I need a train from {from_city} to {to_city} {date}
        I need to get from {from_city} to {to_city} by train
        I want to fly to {to_city} from {from_city}
        I want a ticket to {to_city} for {date}
        can you book me a coach to {to_city}?
        can you get me on a train to {to_city} leaving at {time}?
        could you find a flight from {from_city} to {to_city}, please?
        find me a cheap flight to {to_city}
        find a bus from {from_city} to {to_city} on {date:on}
        {from_city} to {to_city}, one way, {date}
        {from_city} to {to_city}, return ticket
        {to_city} from {from_city}, first train {date}
        {date}, I have to fly from {from_city} to {to_city}
        get me a ticket out of {from_city} to {to_city}
        get me two seats on the coach to {to_city}
        please reserve a seat on the train from {from_city} to {to_city}
        reserve a window seat to {to_city} {date}
        are there any seats left on the train to {to_city}? book one
        train ticket from {from_city} to {to_city}, leaving around {time}
        one ticket to {to_city}, please
        a return from {from_city} to {to_city}, please
        I'm going to {to_city} {date}, book the train
        I'm in {from_city} and need a flight to {to_city}
        my trip starts in {from_city} and ends in {to_city}, book the tickets
        we're leaving {from_city} for {to_city} {date}, get us tickets
        fly me to {to_city}
        order two train tickets to {to_city} for {date}
        buy a bus ticket from {from_city}
        buy a ticket to {to_city} departing from {from_city} at {time}
        would you arrange a train to {to_city} and back?
        departing {from_city} {date}, arriving in {to_city}, book a seat
        book a flight
        I'd like to buy a train ticket
        help me get plane tickets
        book a flight from {from_city} to {to_city} {date}
        book a flight to {to_city} on {date:on}
        book a bus to {to_city}
        book a ticket from {from_city} to {to_city}, please
        book the {time:short} train from {from_city} to {to_city}
        book me on a train out of {from_city} {date}
        please book a train to {to_city} for {date}
        please get tickets from {from_city} to {to_city}
        can you book a flight from {from_city}?
        can you buy me a train ticket from {from_city} to {to_city}?
        can I get a flight to {to_city} {date}?
        could you book two seats to {to_city} {date}?
        could you get us train tickets to {to_city}?
        would you book a bus from {from_city} to {to_city}?
        I need a ticket from {from_city} to {to_city} for {date}
        I need a flight to {to_city}, leaving at {time}
        I need to be in {to_city} {date}, book a train
        I want to go to {to_city} {date} by train
        I want to travel from {from_city} to {to_city}
        I'd like a flight from {from_city} to {to_city}
        I'd like to go from {from_city} to {to_city} on {date:on}
        I'm flying from {from_city} {date}, get me a seat
        I have to leave {from_city} at {time}, find me a train
        we need four tickets to {to_city}
        we want to fly from {from_city} to {to_city} {date}
        a ticket for the train to {to_city}
        a one way ticket from {from_city} to {to_city}
        a flight to {to_city} {date}, please
        train from {from_city} to {to_city}
        train to {to_city} {date}
        train from {from_city} at {time}
        flight from {from_city} to {to_city} on {date:on}
        flights to {to_city}
        bus from {from_city} to {to_city} {date}, two people
        two seats from {from_city} to {to_city}, please
        to {to_city} from {from_city}, by train
        to {to_city}, a return ticket, {date}
        from {from_city} to {to_city}, two adults, {date}
        find a train that leaves {from_city} at {time} for {to_city}
        find flights from {from_city} to {to_city}
        look for a coach from {from_city} to {to_city} {date}
        when is the next train to {to_city}? book it
        travel from {from_city} to {to_city}, {date}, first class
        reserve two places on the bus to {to_city}
        buy two tickets to {to_city} from {from_city}
        get a plane ticket to {to_city}
        get tickets to {to_city} for {date:on}
        tickets, please
        """,
        """
        purchase a rail ticket between {from_city} and {to_city}
        grab me a seat on a plane to {to_city} {date}
        I'm looking to travel from {from_city} to {to_city} on {date:on}, get a ticket
        secure two coach seats from {from_city} to {to_city}
        {to_city}, that's where I'm flying {date}, book it
        {from_city} to {to_city}, single, {date}
        starting from {from_city}, I need a train to {to_city} at {time}
        could we have three tickets to {to_city}, please?
        put me on the next flight out of {from_city}
        get my flight to {to_city} booked
        a train leaving {from_city} after {time} and bound for {to_city}, please
        is there a seat from {from_city} to {to_city} {date}? take it
        I'd like to go by bus to {to_city}, departing {from_city}
        sort out my train tickets
        """,
    ),
    "order_food": (
        """
        order {food}
        order some {food} for dinner
        order a {food:one}
        order a {food:one} and some {food}
        order two portions of {food}
        can you order {food} for delivery?
        can I get a {food:one} delivered?
        could you order us {food}, please?
        I'd like to order {food}
        I'd like a {food:one} delivered at {time:day}
        I want {food} for takeaway
        I'm hungry, order me a {food:one}
        I'm craving {food}, get some delivered
        get me {food} from the takeaway
        get some {food} delivered to the house
        {food} for takeaway, please
        {food} and a {food:one}, delivery
        {food} to go
        have {food} delivered by {time:day}
        let's get {food} delivered
        let's order in, {food}
        takeaway, {food}
        please order a {food:one} for lunch
        place an order for {food}
        place a delivery order for {food}, {time:day}
        we feel like {food}, order some
        would you order a {food:one} with extra sauce?
        have someone bring a {food:one} to the office
        dinner will be {food}, order it in
        one {food:one}, delivered to my door
        a large portion of {food} to go
        food delivery, {food} and {food}
        order the usual
        I want to order food
        let's order a takeaway
        order dinner for us
        can we get something delivered?
        reorder my last meal
        order me some {food}
        order {food} and {food}
        order {food} and a {food:one}
        order {food} for {time:day}, please
        order a {food:one} to the office
        please order {food}
        please order {food} and {food} for us
        please get me a {food:one}
        can you order a {food:one}?
        can you get us {food} for dinner?
        can we have {food} delivered at {time:day}?
        could you order me a {food:one}, please?
        could you get {food} delivered?
        would you order {food}?
        I want a {food:one} for lunch
        I want to order a {food:one} and {food}
        I want to eat {food}, order it
        I'd like some {food} for takeaway
        I'd like to have {food} and a {food:one} delivered
        I would love a {food:one}, order one
        I need {food} by {time:day}
        I'll have a {food:one} and {food}
        we want {food}, delivered
        we'd like two portions of {food}
        we're hungry, get {food}
        let's have {food} tonight, order please
        let's order a {food:one}
        let's get a {food:one} and some {food}
        bring me a {food:one}
        buy a {food:one} from the place round the corner
        deliver {food} to my house
        delivery of {food} for {time:day}
        get me a {food:one} and {food} to go
        get {food} for everyone
        {food} for two, please
        {food} with extra rice, takeaway
        {food}, {food} and a {food:one}, order that
        a {food:one} for delivery
        a {food:one} to take away, please
        three portions of {food}, delivered
        takeaway for {time:day}, {food}
        send a {food:one} to my address
        start a food order
        """,
        """
        put in an order for a {food:one}
        I could go for {food}, have it delivered
        get the delivery people to bring {food}
        {food}, enough for two, to be delivered at {time:day}
        how about we order {food}?
        would you arrange a delivery of {food}?
        I fancy a takeaway, {food}
        request a {food:one} for delivery
        double portion of {food}, takeaway please
        lunch delivery, a {food:one} and {food}
        we'd love {food} brought to the door by {time:day}
        ask the restaurant for a {food:one} to go
        nothing in the fridge, so order in
        """,
    ),
    "find_recipe": (
        """
        find a recipe for {food}
        find me a recipe for {food:oven}
        show me a recipe for {food}
        {food} recipe
        a recipe for {food:oven}, please
        how do I make {food}?
        how do you make {food:oven} from scratch?
        what goes into {food}?
        what ingredients do I need for {food}?
        what can I cook with {item:ingredient}?
        what can I make with {item:ingredient} and {item:ingredient}?
        what can I cook in {duration:long}?
        can you find a recipe with {item:ingredient}?
        can you teach me to cook {food}?
        could you look up a recipe for {food:oven}, please?
        I want to cook {food}, show me how
        I want to make {food:oven}, what's the recipe?
        I've got {item:ingredient} in the fridge, any recipe ideas?
        I have {item:ingredient} and {item:ingredient}, what should I cook?
        I'd like a recipe that takes {duration:long}
        give me a recipe for something without {item:ingredient}
        give me cooking instructions for {food}
        search recipes for {food}
        search for recipes that use {item:ingredient}
        {item:ingredient} and {item:ingredient}, what can I cook?
        recipes with {item:ingredient}
        {food}, how is that made?
        read me the recipe for {food:oven}
        look up how to make {food}
        is there a quick recipe for {food}?
        do you know a recipe for {food:oven}?
        would you suggest a recipe with {item:ingredient}, please?
        tell me how to cook {food} in {duration:long}
        let's cook {food}, start with step one
        suggest a recipe
        what should I cook for dinner?
        give me a recipe idea
        I need an easy recipe
        find recipes for {food}
        find a recipe with {item:ingredient} and {item:ingredient}
        find something to cook with {item:ingredient}
        find me an easy recipe for {food:oven}
        please find a recipe for {food}
        please show me how to make {food}
        please look for a recipe with {item:ingredient}
        can you show me a recipe for {food:oven}?
        can you tell me how to make {food:oven}?
        can you give me the recipe for {food}?
        can I cook {food} in {duration:long}?
        could you find me a recipe for {food}?
        could you explain how to bake {food:oven}?
        how can I make {food} at home?
        how do I cook {food}?
        how do I bake {food:oven}?
        how do you cook {item:ingredient}?
        how long does {food:oven} take? show the recipe
        how is {food:oven} baked?
        what is a good recipe for {food}?
        what is in {food}? I want to make it
        what do I need to make {food:oven}?
        what can I do with {item:ingredient} and {item:ingredient}?
        what can I bake in {duration:long}?
        what should I make with {item:ingredient}?
        which recipe uses {item:ingredient}?
        I need a recipe for {food}
        I want a recipe for {food:oven}
        I want to bake {food:oven}, find a recipe
        I'd like to cook something with {item:ingredient}
        I'd like to learn how to make {food}
        I have {item:ingredient}, {item:ingredient} and {item:ingredient}, give me a recipe
        I only have {item:ingredient} and {duration:long}, what can I make?
        we want to make {food}, recipe please
        help me cook {food}
        help me make {food:oven}
        let's bake {food:oven}, show me the recipe
        show me recipes with {item:ingredient}
        show me what to make with {item:ingredient}
        open the recipe for {food:oven}
        recipe for {food}
        recipe for {food:oven}, please
        the recipe for {food}, please
        a {duration:bake} recipe with {item:ingredient}
        {food:oven} recipe, please
        read out how to make {food}
        teach me to make {food:oven}
        search for a {food} recipe
        show me something I could cook
        """,
        """
        dig up a recipe for {food}
        what's the best way to prepare {food}?
        which ingredients go in {food:oven}?
        {food}, can you tell me how to cook that?
        talk me through making {food}
        any dish I could cook using {item:ingredient}?
        something to cook with {item:ingredient} and {item:ingredient}, please
        dinner ideas I can make in {duration:long}
        I'm cooking {food} for friends, get me a recipe
        pull up the cooking steps for {food:oven}
        have you got a good recipe for {food:oven}?
        show recipes where I can use up {item:ingredient}
        I've never made {food}, what are the steps?
        inspire me with a recipe
        """,
    ),
}

OPENERS = {"train": ["hey", "ok", "um", "so"], "test": ["hey", "ok", "er", "well", "alright"]}
# A closing "please" or "thanks" only sounds right after a command, and would blur the end of free text.
COMMAND = re.compile(r"(add|alarm|book|call|create|dial|find|get|give|order|play|put|read|schedule|set|start|turn)\b")
NO_CLOSER = re.compile(r"please|thanks|\?$|\{(message|task|song|podcast|event)[a-z:]*\}$")
PLACE = re.compile(r"\{([a-z_]+(?::[a-z]+)?)\}")


def plain(text):
    """The text without case and punctuation; two sentences that agree in this count as one."""
    return " ".join(re.sub(r"[^\w' :-]", " ", text.lower()).split())


def values_of(pool, split):
    """The values of one list, in written form."""
    return [" ".join(value.split()) for value in VALUES[pool][SPLITS.index(split)].split(",")]


def phrasings_of(intent, split):
    """The phrasings of one intent."""
    return [line.strip() for line in PHRASINGS[intent][SPLITS.index(split)].strip().splitlines()]


def shuffled(rng, things):
    # Python promises that random() stays the same between versions, but not shuffle().
    return [thing for _, thing in sorted(((rng.random(), thing) for thing in things), key=lambda pair: pair[0])]


class Maker:
    """Fills the phrasings of one split."""

    def __init__(self, split, rng):
        self.split = split
        self.rng = rng
        self.decks = {}
        self.seen = set()

    def draw(self, pool, used):
        """The next value of a list that the sentence does not have yet; every value comes round before a repeat."""
        while True:
            if not self.decks.get(pool):
                self.decks[pool] = shuffled(self.rng, values_of(pool, self.split))
            value = self.decks[pool].pop()
            if value not in used:
                return value

    def pieces(self, phrasing):
        """The sentence as (text, slot or None) pieces in written form."""
        pieces, used, end = [], set(), None
        for i, part in enumerate(PLACE.split(phrasing)):
            if i % 2 == 0:
                pieces.append((part, None))
                continue
            value = end if part == "end_time" else self.draw(part, used)
            if part == "time:from":
                value, end = value.split(" > ")
            used.add(value)
            before = pieces[-1][0]
            if re.search(r"\ba $", before) and re.match(r"(8|11|18|[aeiou](?!ne\b))", value, re.I):
                pieces[-1] = (before[:-1] + "n ", None)
            pieces.append((value, part.split(":")[0]))
        return pieces

    def sentence(self, phrasing, label):
        """One filled and styled sentence as a record of the file."""
        pieces = self.pieces(phrasing)
        if self.rng.random() < 0.08 and not phrasing.startswith(("oh,", "also", "next")):
            openers = OPENERS[self.split]
            pieces.insert(0, (openers[int(self.rng.random() * len(openers))] + ", ", None))
        if COMMAND.match(phrasing) and not NO_CLOSER.search(phrasing) and self.rng.random() < 0.12:
            pieces.append((", please" if self.rng.random() < 0.7 else ", thanks", None))

        draw = self.rng.random()
        style = "speech" if draw < 0.7 else "typed" if draw < 0.88 else "casual"
        if style == "speech":
            pieces = [(re.sub(r"[,?.!]", "", text) if slot is None else text, slot) for text, slot in pieces]
        elif style == "typed" and not phrasing.endswith("?") and self.rng.random() < 0.7:
            pieces.append((".", None))

        text, entities = "", []
        for piece, slot in pieces:
            if slot is not None:
                entities.append({"start": len(text), "end": len(text) + len(piece), "label": slot})
            text += piece
        if style == "typed":
            text = re.sub(r"(^|\? )([a-z])", lambda match: match[1] + match[2].upper(), text)
        else:
            text = text.lower()
        return {"text": text, "label": label, "entities": entities}

    def intent(self, intent, count):
        """The given number of new sentences; every phrasing comes round before a repeat."""
        records, turn = [], 0
        phrasings = phrasings_of(intent, self.split)
        while len(records) < count:
            for phrasing in shuffled(self.rng, phrasings):
                # A phrasing without slots has nothing to vary.
                if len(records) == count or (turn and not PLACE.search(phrasing)):
                    continue
                for _ in range(20):
                    record = self.sentence(phrasing, intent)
                    if plain(record["text"]) not in self.seen:
                        self.seen.add(plain(record["text"]))
                        records.append(record)
                        break
            turn += 1
        return records


def check():
    """Stop if the tables break what the split promises."""
    train, test = (
        {plain(phrasing) for intent in PHRASINGS for phrasing in phrasings_of(intent, split)} for split in SPLITS
    )
    assert not train & test, train & test
    for slot in OPEN_SLOTS:
        train, test = (
            {plain(value) for pool in VALUES if pool.split(":")[0] == slot for value in values_of(pool, split)}
            for split in SPLITS
        )
        assert not train & test, (slot, train & test)
        assert len(train) >= 20 and len(test) >= 10, slot


def build():
    """The records of both files, by split."""
    data = {}
    for split, count, skip in (("train", TRAIN_PER_INTENT, 0), ("test", TEST_PER_INTENT, TEST_STARTS_AT)):
        rng = random.Random(SEED)
        for _ in range(skip):
            rng.random()
        maker = Maker(split, rng)
        data[split] = shuffled(rng, [record for intent in PHRASINGS for record in maker.intent(intent, count)])
    return data


def main():
    check()
    data = build()
    for split, records in data.items():
        path = Path(__file__).with_name(f"{split}.jsonl")
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for record in records:
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        print(f"{path.name}: {len(records)} sentences")

    print("\n| intent | phrasings train / test | sentences train / test |\n|---|---|---|")
    intents = {split: Counter(record["label"] for record in records) for split, records in data.items()}
    for intent in PHRASINGS:
        train, test = (len(phrasings_of(intent, split)) for split in SPLITS)
        print(f"| {intent} | {train} / {test} | {intents['train'][intent]} / {intents['test'][intent]} |")

    print("\n| slot | values train / test | only in test | mentions train / test |\n|---|---|---|---|")
    mentions, values = {}, {}
    for split, records in data.items():
        pairs = [(e["label"], plain(r["text"][e["start"] : e["end"]])) for r in records for e in r["entities"]]
        mentions[split] = Counter(slot for slot, _ in pairs)
        values[split] = {slot: {value for label, value in pairs if label == slot} for slot in mentions[split]}
    for slot in sorted(mentions["train"]):
        train, test = (values[split][slot] for split in SPLITS)
        counts = f"{mentions['train'][slot]} / {mentions['test'][slot]}"
        print(f"| {slot} | {len(train)} / {len(test)} | {len(test - train)} | {counts} |")


if __name__ == "__main__":
    main()
