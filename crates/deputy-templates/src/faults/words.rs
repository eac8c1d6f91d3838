//! The sentences about faults, in the three languages.

use deputy_core::Language;

/// A sentence in English, Russian and Ukrainian; `{}` is where a number or a name goes.
pub(super) struct Words(&'static str, &'static str, &'static str);

impl Words {
    pub(super) fn get(&self, language: Language) -> String {
        match language {
            Language::En => self.0,
            Language::Ru => self.1,
            Language::Uk => self.2,
        }
        .to_owned()
    }

    pub(super) fn with(&self, language: Language, value: &str) -> String {
        self.get(language).replace("{}", value)
    }
}

pub(super) const MISSING: Words = Words(
    "It must be given.",
    "Нужно указать значение.",
    "Потрібно вказати значення.",
);
pub(super) const AGAIN: Words = Words(
    "Give it again: with this change it would go to something else than before.",
    "Укажите заново: с этим изменением оно попало бы не туда, куда раньше.",
    "Вкажіть ще раз: із цією зміною воно потрапило б не туди, куди раніше.",
);
pub(super) const UNKNOWN: Words = Words(
    "There is no such setting.",
    "Такой настройки нет.",
    "Такого налаштування немає.",
);
pub(super) const NOT_APPLICABLE: Words = Words(
    "It has no meaning with what was chosen for \"{}\".",
    "Не имеет смысла при том, что выбрано для \"{}\".",
    "Не має сенсу за того, що обрано для \"{}\".",
);
pub(super) const NOT_ONE_OF: Words = Words(
    "It must be one of: {}.",
    "Должно быть одно из: {}.",
    "Має бути одне з: {}.",
);
pub(super) const TOO_SHORT: Words = Words(
    "It is too short: at least {} characters.",
    "Слишком коротко: не меньше {} символов.",
    "Закоротко: щонайменше {} символів.",
);
pub(super) const TOO_LONG: Words = Words(
    "It is too long: at most {} characters.",
    "Слишком длинно: не больше {} символов.",
    "Задовго: щонайбільше {} символів.",
);
pub(super) const TOO_MANY: Words = Words(
    "Too many: at most {}.",
    "Слишком много: не больше {}.",
    "Забагато: щонайбільше {}.",
);
pub(super) const TOO_SMALL: Words = Words(
    "It must be {} or more.",
    "Должно быть {} или больше.",
    "Має бути {} або більше.",
);
pub(super) const TOO_LARGE: Words = Words(
    "It must be {} or less.",
    "Должно быть {} или меньше.",
    "Має бути {} або менше.",
);
pub(super) const FORM: Words = Words(
    "It doesn't have the right form.",
    "Неправильный вид.",
    "Неправильний вигляд.",
);
pub(super) const CHARACTER: Words = Words(
    "It has a line end or another control character in it.",
    "В значении есть перевод строки или другой управляющий символ.",
    "У значенні є перенесення рядка або інший керівний символ.",
);
pub(super) const LEADING_DASH: Words = Words(
    "It may not begin with \"-\": it would be taken for an option.",
    "Не может начинаться с \"-\": было бы принято за ключ команды.",
    "Не може починатися з \"-\": було б сприйнято за ключ команди.",
);
pub(super) const NOT_A_URL: Words = Words(
    "It is not a URL; one looks like https://example.com/mcp.",
    "Это не URL; он выглядит так: https://example.com/mcp.",
    "Це не URL; він має вигляд https://example.com/mcp.",
);
pub(super) const NOT_HTTPS: Words = Words(
    "The URL must begin with https://.",
    "URL должен начинаться с https://.",
    "URL має починатися з https://.",
);
pub(super) const USER_INFO: Words = Words(
    "The URL may not have a user name or password in it; there are fields for secrets.",
    "В URL не может быть имени пользователя или пароля; для секретов есть свои поля.",
    "В URL не може бути імені користувача чи пароля; для секретів є свої поля.",
);
pub(super) const FRAGMENT: Words = Words(
    "The URL may not have a \"#\" part.",
    "В URL не может быть части после \"#\".",
    "В URL не може бути частини після \"#\".",
);
pub(super) const NOT_POSTGRES: Words = Words(
    "It is not a connection string of PostgreSQL; one looks like postgresql://user:password@host:5432/database.",
    "Это не строка подключения PostgreSQL; она выглядит так: postgresql://user:password@host:5432/database.",
    "Це не рядок підключення PostgreSQL; він має вигляд postgresql://user:password@host:5432/database.",
);
pub(super) const COMMAND: Words = Words(
    "This command may not be run here; the administrator allows commands by DEPUTY_CUSTOM_COMMANDS.",
    "Эту команду здесь запускать нельзя; команды разрешает администратор в DEPUTY_CUSTOM_COMMANDS.",
    "Цю команду тут запускати не можна; команди дозволяє адміністратор у DEPUTY_CUSTOM_COMMANDS.",
);
pub(super) const VARIABLE_NAME: Words = Words(
    "The name of a variable has letters, digits and \"_\" only, and doesn't begin with a digit.",
    "Имя переменной состоит из латинских букв, цифр и \"_\" и не начинается с цифры.",
    "Ім'я змінної складається з латинських літер, цифр і \"_\" та не починається з цифри.",
);
pub(super) const VARIABLE_RESERVED: Words = Words(
    "This variable changes what programs are run and can't be set.",
    "Эта переменная меняет то, какие программы запускаются; задать её нельзя.",
    "Ця змінна змінює те, які програми запускаються; задати її не можна.",
);
pub(super) const HEADER_NAME: Words = Words(
    "It is not the name of a header that can be set; one looks like X-Api-Key.",
    "Это не имя заголовка, который можно задать; оно выглядит так: X-Api-Key.",
    "Це не ім'я заголовка, який можна задати; воно має вигляд X-Api-Key.",
);
pub(super) const SERVER_NAME: Words = Words(
    "A name has 1 to 32 small Latin letters, digits or \"-\" and begins with a letter.",
    "Имя состоит из строчных латинских букв, цифр и \"-\" (до 32 знаков) и начинается с буквы.",
    "Ім'я складається з малих латинських літер, цифр і \"-\" (до 32 знаків) та починається з літери.",
);
pub(super) const SERVER_NAME_RESERVED: Words = Words(
    "This name means something of Deputy's own; choose another.",
    "Это имя занято самим Deputy; выберите другое.",
    "Це ім'я зайняте самим Deputy; виберіть інше.",
);
pub(super) const SERVER_NAME_TAKEN: Words = Words(
    "You have a server of this name already; choose another.",
    "У вас уже есть сервер с таким именем; выберите другое.",
    "У вас уже є сервер з таким іменем; виберіть інше.",
);
pub(super) const SIZE: Words = Words(
    "The settings are too large in all: at most {} bytes.",
    "Настройки в сумме слишком велики: не больше {} байт.",
    "Налаштування разом завеликі: щонайбільше {} байтів.",
);
pub(super) const UNKNOWN_NEAR: Words = Words(
    "There is no such setting; did you mean \"{}\"?",
    "Такой настройки нет; возможно, имелась в виду \"{}\"?",
    "Такого налаштування немає; можливо, малося на увазі \"{}\"?",
);
pub(super) const A_LIST: Words = Words(
    "It must be a list of texts.",
    "Должен быть список строк.",
    "Має бути список рядків.",
);
pub(super) const AN_OBJECT: Words = Words(
    "It must be an object whose values are texts.",
    "Должен быть объект, значения которого — строки.",
    "Має бути об'єкт, значення якого — рядки.",
);
pub(super) const AN_INTEGER: Words = Words(
    "It must be a whole number.",
    "Должно быть целое число.",
    "Має бути ціле число.",
);
pub(super) const A_NUMBER: Words = Words(
    "It must be a number.",
    "Должно быть число.",
    "Має бути число.",
);
pub(super) const A_BOOLEAN: Words = Words(
    "It must be true or false.",
    "Должно быть true или false.",
    "Має бути true або false.",
);
pub(super) const A_TEXT: Words = Words(
    "It must be a text.",
    "Должна быть строка.",
    "Має бути рядок.",
);
pub(super) const FOLDER_NOT_ABSOLUTE: Words = Words(
    "The path of a folder begins with \"/\".",
    "Путь к папке начинается с \"/\".",
    "Шлях до папки починається з \"/\".",
);
pub(super) const FOLDER_MALFORMED: Words = Words(
    "The path of a folder may not have \"..\" in it.",
    "В пути к папке не может быть \"..\".",
    "У шляху до папки не може бути \"..\".",
);
pub(super) const FOLDER_NONE: Words = Words(
    "You have no folders here; an administrator allows them.",
    "Здесь у вас нет папок; их разрешает администратор.",
    "Тут у вас немає папок; їх дозволяє адміністратор.",
);
pub(super) const FOLDER_OUTSIDE: Words = Words(
    "This folder isn't among those you may use; it must be in {}.",
    "Эта папка не из тех, которыми вам можно пользоваться; она должна быть в {}.",
    "Ця папка не з тих, якими вам можна користуватися; вона має бути в {}.",
);
pub(super) const FOLDER_MISSING: Words = Words(
    "There is no such folder.",
    "Такой папки нет.",
    "Такої папки немає.",
);
pub(super) const FOLDER_IS_A_FILE: Words = Words(
    "This is a file; a folder is needed.",
    "Это файл, а нужна папка.",
    "Це файл, а потрібна папка.",
);
pub(super) const FOLDER_UNREADABLE: Words = Words(
    "This folder can't be read.",
    "Эту папку нельзя прочитать.",
    "Цю папку не можна прочитати.",
);
