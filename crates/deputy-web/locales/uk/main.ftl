### Тексти вебсторінок. Кожен ключ є кожною мовою; це перевіряє тест.

## Рамка
language = Мова
skip-to-content = До вмісту
nav-label = Головне меню
nav-home = Головна
nav-connect = Підключення
nav-approvals = Погодження
nav-servers = Сервери
nav-activity = Журнал
nav-settings = Налаштування
account-menu = Меню профілю
role-admin = Адміністратор
role-user = Учасник
sign-out = Вийти
sandbox-title = Пісочниця
sandbox-text = Google тут імітується, на цьому комп’ютері. Сервери, які ви додасте, справжні.
sandbox-google = Зазирнути в імітацію Google
sandbox-sign-in = Увійдіть як { $user } з паролем { $password }.
save = Зберегти
cancel = Скасувати
done = Готово
dismiss = Сховати
details = Докладно
see-all = Усі
review = Переглянути
revoke = Відкликати

## Вхід
login-title = Вхід
login-heading = З поверненням
login-lead = Увійдіть, щоб бачити, що ваш секретар робить для вас.
login-username = Ім’я користувача
login-password = Пароль
login-submit = Увійти
login-wrong = Ім’я користувача й пароль не підходять одне до одного. Спробуйте ще раз.
login-throttled = { $minutes ->
    [one] Забагато спроб. Зачекайте { $minutes } хвилину та спробуйте знову.
    [few] Забагато спроб. Зачекайте { $minutes } хвилини та спробуйте знову.
   *[many] Забагато спроб. Зачекайте { $minutes } хвилин та спробуйте знову.
}

## Головна
home-hello = Вітаємо, { $name }
home-lead-new = Підключіть обліковий запис, потім дайте своєму асистентові токен — більше нічого не потрібно.
home-lead-pending = { $n ->
    [one] { $n } дія чекає на ваше рішення.
    [few] { $n } дії чекають на ваше рішення.
   *[many] { $n } дій чекають на ваше рішення.
}
home-lead-calm = Усе спокійно. Асистенти діють за вас, а останнє слово лишається за вами.
home-pending = Чекає на ваше рішення
home-activity = Нещодавні дії
pending-empty-title = Вирішувати поки нічого
pending-empty-text = Коли асистент захоче надіслати лист, запросити когось або щось видалити, він спершу запитає тут.
activity-empty-title = Поки нічого не відбувалося
activity-empty-text = Тут з’явиться кожен виклик, зроблений від вашого імені.
client-title = Підключіть свого асистента
client-lead = Через Deputy може працювати будь-який клієнт MCP: впишіть свій токен замість YOUR_TOKEN.
client-make-token = Створити токен
client-file = Додайте це до { $file }:
client-shell = Командний рядок
client-other = Інший клієнт MCP
client-other-text = Виберіть транспорт «streamable HTTP», укажіть адресу й передавайте токен у заголовку:
client-select-hint = Одне клацання по полю виділяє його повністю.

## Сервіси
service-calendar = Google Календар
service-gmail = Gmail
service-drive = Google Диск
service-google = Google
state-connected = Підключено
state-disconnected = Не підключено
state-expired = Минув строк
not-granted = не дозволено
grant-calendar-read = Бачити ваші календарі
grant-calendar-events = Бачити, створювати, змінювати та видаляти події; перед запрошенням людей запитає вас
grant-gmail-read = Читати вашу пошту й шукати в ній
grant-gmail-send = Надсилати листи від вашого імені; щоразу запитає вас
grant-gmail-compose = Писати чернетки
grant-drive = Бачити, створювати й змінювати ваші файли
grant-docs = Читати й писати Google Документи

## Підключення
connect-title = Підключення
connect-lead = Виберіть, що Deputy може робити для вас у Google. Скасувати це можна будь-коли.
connect-action = Підключити
connect-all = Підключити все
connect-more = Дозволити решту
connect-account = Ваш обліковий запис Google
connect-since = Підключено з { $when }.
connect-renewed = Доступ поновлюється сам.
connect-promise = Google попросить підтвердити кожен дозвіл. Deputy зберігає ключі зашифрованими, використовує їх лише для ваших власних викликів і ніколи не показує асистентові.
connect-unavailable = На цьому сервері ще не задано клієнт Google. Попросіть адміністратора вказати GOOGLE_CLIENT_ID і GOOGLE_CLIENT_SECRET.
disconnect-action = Відключити
disconnect-all = Відключити Google
disconnect-title = Відключення
disconnect-heading-one = Відключити { $service }?
disconnect-heading-all = Відключити Google?
disconnect-text = Асистенти одразу втратять доступ, розпочата робота з цим сервісом зупиниться. У самому Google нічого не видалиться.
disconnect-last = Deputy також попросить Google відкликати дозвіл і видалить ключі.
disconnect-others-stay = Решта сервісів Google залишиться підключеною.
disconnect-confirm = Так, відключити
notice-disconnected-title = Google відключено
notice-revoked = Google більше не приймає дозвіл: його відкликали або змінився пароль. Підключіть знову, щоб продовжити.
notice-testing = Google більше не приймає дозвіл. Йому було менше восьми днів: найімовірніше, клієнт Google ще в режимі Testing, де дозволи діють сім днів. Попросіть адміністратора опублікувати його, потім підключіть знову.
notice-reauthentication = Ваша організація час від часу просить входити в Google заново. Підключіть знову, щоб продовжити.
notice-time-limit = Дозвіл було надано на певний час, і цей час минув. Підключіть знову, щоб продовжити.
notice-other = Підключення перервалося. Підключіть знову, щоб продовжити.
callback-ok-title = Google підключено
callback-ok-text = Асистенти вже можуть ним користуватися. Це вікно можна закрити.
callback-none-text = Ви не дозволили жодного сервісу. Нічого не підключено.
callback-failed-title = Google не підключено
callback-state = Це посилання більше не діє. Воно працює один раз і десять хвилин: почніть спочатку.
callback-other-person = Це посилання відкрила інша людина. Нічого не підключено.
callback-refused = Ви не дали дозволу. Нічого не підключено.
callback-upstream = Google не підтвердив підключення. Спробуйте ще раз трохи згодом.
callback-incomplete = Відповідь Google неповна. Почніть спочатку.
to-home = На головну
to-connections = До підключень
try-again = Спробувати знову

## Сервери
servers-title = Ваші сервери
servers-lead = Сервери MCP, які працюють лише для вас. Асистенти користуються їхніми інструментами через Deputy.
servers-empty-title = Серверів поки немає
servers-empty-text = Додайте перший нижче: файли, GitHub, база даних чи будь-який інший.
server-add = Додати сервер
server-add-lead = Виберіть, для чого він. Нічого не запуститься, доки ви не побачите, що саме буде запущено.
server-used = використано { $when }
server-never-used = ще не використано
server-inactive = Спить
server-starting = Запускається
server-active = Працює
server-error = Помилка
server-needs-consent = Потрібен ваш дозвіл
server-disabled = Вимкнено
server-consent-text = Цей сервер чекає на ваш дозвіл.
server-retry = Deputy запустить його знову не раніше ніж через { $time }. Перевірка запускає одразу.
server-settings-refused = Ці налаштування більше не приймаються. Змініть їх або запитайте адміністратора.
server-kind-gone = Серверів цього виду ({ $kind }) тут більше немає, тому його не можна ні запустити, ні змінити. Запитайте адміністратора або видаліть його.
server-failed = Останнього разу він не впорався. Що побачив Deputy:
server-printed = Останнє виведення
server-new-title = Додати: { $kind }
server-edit-title = Змінити { $name }
server-name = Ім’я
server-name-help = Малі латинські літери, цифри й дефіси. За цим ім’ям називаються інструменти: ІМ’Я__ІНСТРУМЕНТ.
server-name-taken = Сервер із таким ім’ям у вас уже є.
server-name-reserved = Так називається власний сервер Deputy. Виберіть інше ім’я.
server-name-wrong = Ім’я починається з малої латинської літери; усього не більше 32 малих літер, цифр і дефісів.
server-changed-meanwhile = Його змінили в цей самий час. Погляньте ще раз.
server-stored-now = Зараз: { $value }
server-policy = Інструменти без власного правила
server-policy-help = Пізніше можна задати правило для кожного інструмента.
server-continue = Далі
server-setup = Як налаштувати
server-runs-pattern = Що буде запущено
form-wrong = У формі щось не так. Нічого не змінено.
form-not-saved = Нічого не змінено.
form-secrets-again = Те, що введено таємно, ніколи не пишеться на сторінку: введіть це ще раз.
field-optional = необов’язково
field-when = Якщо «{ $field }» — { $values }
field-roots = Має бути всередині
secret-set = Задано
secret-replace = Залиште порожнім, щоб не змінювати.
secret-remove = Видалити
review-title = Додати { $name }?
review-lead = Ця програма працюватиме на машині сервера лише для вас, ізольовано, і отримає лише те, що вказано тут.
review-lead-unconfined = Ця програма працюватиме на машині сервера лише для вас.
review-lead-remote = Виклики його інструментів підуть за цією адресою.
review-add = Додати
runs-network = Мережа
runs-network-open = є
runs-network-none = немає
runs-network-remote = Deputy звертається за цією адресою
runs-unconfined = Тут сервери не ізолюються (DEPUTY_SANDBOX вимкнено): програма може все, що може Deputy, хоч би що було вказано нижче.
runs-folders = Теки
runs-folders-none = жодної вашої
runs-folders-own = власна
runs-access = Доступ
runs-access-oauth = з вашого дозволу, наданого на його сторінці входу
server-test = Перевірити
server-enable = Увімкнути
server-disable = Вимкнути
server-edit = Змінити
server-delete = Видалити
server-delete-title = Видалити { $name }?
server-delete-text = Сервер зупиниться; його налаштування, секрети, правила й те, що він зберігав у себе, видаляться. Ваші теки залишаться як є.
server-delete-confirm = Так, видалити
test-ok = Працює
test-failed = Не працює
test-summary = { $tools } за { $time }
server-test-first = Deputy скоро сам прочитає його інструменти; перший запуск може тривати хвилину, доки завантажуються пакети. Ви погоджуєтеся з тими інструментами, які він тоді має. Перевірка робить це одразу й показує, що вийшло.
server-test-first-remote = Deputy скоро сам прочитає його інструменти. Ви погоджуєтеся з тими інструментами, які він тоді має. Перевірка робить це одразу й показує, що вийшло.
held-title = Чекає на ваше рішення
held-lead = Сервер описує ці інструменти не так, як коли ви погоджувалися, або додав їх пізніше. Їх не можна викликати, доки ви не дозволите. Описи — слова самого сервера: читайте, але не вірте їм на слово.
held-difference = Що змінилося в { $tool }
held-invisible = Відмінність — у невидимих символах.
held-allow = Дозволити
held-allow-all = Дозволити всі ці
held-more = { $n ->
    [one] Чекає ще { $n }. Він з’явиться, коли ви вирішите щодо цих.
    [few] Чекають ще { $n }. Вони з’являться, коли ви вирішите щодо цих.
   *[many] Чекають ще { $n }. Вони з’являться, коли ви вирішите щодо цих.
}
held-cut = Це не все. Не можна дозволити те, чого не показано.
held-whole = Показати все
tool-changed = Змінено
tool-new = Новий
tool-gone = Зник
tool-unusable = Не можна викликати
tool-read-only = лише читає
tool-destructive = може знищити дані
tool-by-administrator = за правилом адміністратора
tool-policy-of = Правило для { $tool }
tool-description = Опис
server-tools = Інструменти
server-tools-lead = Що відбувається, коли асистент викликає інструмент. Без власного правила:
server-instructions = Що він каже кожному асистентові, який використовує його окремо
server-tools-empty = Інструменти поки невідомі. Deputy сам читає їх після того, як сервер додано; перевірка робить це одразу.
server-tools-empty-off = Інструменти поки невідомі. Deputy прочитає їх, коли сервер буде ввімкнено.
tools-save = Зберегти правила
policy-default = Як у сервера
policy-auto = Одразу
policy-ask = Запитати мене
policy-deny = Ніколи
policy-ask-writes = Запитати мене перед тими, що щось змінюють
policy-ask-all = Запитати мене перед кожним викликом
policy-auto-all = Викликати без запитань
server-runs = Що запускається
server-where = Де він перебуває
server-use = Як користуватися
server-use-lead = У клієнта, підключеного до Deputy, його інструменти вже є.
server-use-alone = Лише цей сервер, разом із його ресурсами та підказками, доступний за власною адресою з вашим токеном:
server-log = Журнал сервера
server-log-empty = Останнім часом він нічого не виводив.
kind-needs-program = На цій машині немає: { $program }.
kind-needs-commands = Адміністратор не дозволив жодної команди (DEPUTY_CUSTOM_COMMANDS).
kind-needs-folders = Адміністратор не дозволив жодної теки (DEPUTY_FILES_ROOTS).
rules-title = Правила для інструментів, для всіх
rules-lead = Ви адміністратор. Правило діє для всіх; правило людини може бути лише суворішим.
rule-new = Додати правило
rule-server = Вид сервера
rule-tool = Інструмент
rule-tool-help = Як його називає сервер; порожньо — для всіх.
rule-policy = Що відбувається щонайменше
rule-ask = Запитати людину
rule-remove = Прибрати
home-servers = Ваші сервери чекають на вас
server-held = { $n ->
    [one] { $n } інструмент затримано, доки ви на нього не поглянете.
    [few] { $n } інструменти затримано, доки ви на них не поглянете.
   *[many] { $n } інструментів затримано, доки ви на них не поглянете.
}
server-limit = { $n ->
    [one] У вас уже { $n } сервер, більше не можна. Спершу видаліть його.
    [few] У вас уже { $n } сервери, більше не можна. Спершу видаліть один із них.
   *[many] У вас уже { $n } серверів, більше не можна. Спершу видаліть один із них.
}
test-tools = { $n ->
    [one] { $n } інструмент
    [few] { $n } інструменти
   *[many] { $n } інструментів
}

## Погодження
approvals-title = Погодження
approvals-lead = Що асистент хоче зробити від вашого імені, але не може без вас. Подивіться, що саме станеться, і вирішіть.
approve = Дозволити
reject = Відхилити
asked-when = Запитано { $when }
expires-in = { $n ->
    [0] лишилося менше хвилини
    [one] лишилася { $n } хвилина
    [few] лишилося { $n } хвилини
   *[many] лишилося { $n } хвилин
}
decided-title = Нещодавні рішення
result = Результат
no-arguments = Без аргументів.
approval-approved = Дозволено
approval-rejected = Відхилено
approval-expired = Минув строк
approval-pending = Очікує
approval-done = Виконано
approval-failed = Помилка

## Дії
call-ok = Готово
call-error = Помилка
call-refused = Відмовлено
call-waiting = Запитано
call-held = Затримано
caller-browser = Браузер
caller-anybody = Без входу
caller-client = { $name } (клієнт)
caller-cli = Командний рядок
call-started = Розпочато
activity-lead = Усе, що було зроблено від вашого імені: ким, коли й чим закінчилося.
usage-title = Використання
usage-title-of = Використання: { $name }
usage-period = Період
usage-empty = За цей період викликів не було
usage-calls = Виклики
usage-success = Успішно
usage-time = Середній час
usage-busiest = Найчастіше
usage-failed = З помилкою
usage-good = Успішно
usage-by-day = За днями
usage-by-server = За серверами
usage-plot-label = Виклики за днями; те саме в таблиці нижче
usage-table = Таблицею
usage-day = День
usage-server = Сервер
unit-ms = { $n } мс
unit-s = { $n } с
records-title = Записи
records-lead = Спочатку нові. У записах немає вмісту, лише назви та контрольні суми.
records-filter = Відбір
records-from = З
records-to = До
records-action = Вид
records-outcome = Підсумок
records-target = Інструмент або сервер
records-caller = Через що
records-person = Хто
records-everybody = Усі
records-any = Будь-який
records-show = Показати
records-clear = Показати все
records-none = Відповідних записів немає
records-pages = Сторінки
records-newer = Новіші
records-older = Старіші
activity-kind-tool = Виклики інструментів
activity-kind-resource = Читання ресурсів
activity-kind-prompt = Отримання промптів
activity-kind-approval = Погодження
activity-kind-server = Сервери
activity-kind-context = Вибір сервера
activity-kind-tools = Правила для інструментів
activity-kind-policies = Правила для всіх
activity-kind-connection = Підключення
activity-kind-access = Доступ клієнтів
activity-kind-client = Клієнти
activity-kind-token = Токени доступу
activity-kind-session = Входи
activity-kind-factor = Другі фактори
activity-kind-password = Паролі
activity-kind-user = Користувачі
activity-kind-key = Ключі
activity-kind-note = Нотатки
activity-kind-task = Завдання
activity-kind-project = Проєкти
activity-kind-requirement = Вимоги
action-tool-call = Виклик
action-tool-result = Відповідь
action-resource-read = Ресурс прочитано
action-prompt-get = Промпт отримано
action-approval-ask = Запитано погодження
action-approval-approve = Дозволено
action-approval-reject = Відхилено
action-connection-connect = Обліковий запис підключено
action-connection-disconnect = Обліковий запис відключено
action-access-allow = Доступ дозволено
action-access-deny = У доступі відмовлено
action-access-end = Доступ припинено
action-access-end-all = Увесь доступ припинено
action-access-reuse = Пред’явлено копію токена: доступ припинено
action-client-register = Клієнта зареєстровано
action-client-add = Клієнта додано
action-client-remove = Клієнта видалено
action-client-block = Клієнта заблоковано
action-client-unblock = Клієнта розблоковано
action-token-create = Токен створено
action-token-revoke = Токен відкликано
action-session-start = Вхід
action-session-end-all = Вихід на всіх пристроях
action-password-change = Пароль змінено
action-servers-create = Сервер додано
action-servers-change = Сервер змінено
action-servers-delete = Сервер видалено
action-servers-test = Сервер перевірено
action-servers-accept = Інструменти дозволено
action-servers-tool-policy = Правило для інструмента
action-servers-tools-changed = Інструменти затримано
action-context-select = Сервер вибрано
action-context-clear = Вибір скасовано
action-tools-policy = Правило для інструмента
action-policies-set = Правило для всіх
action-user-add = Користувача додано
action-user-delete = Користувача видалено
action-user-disable = Користувача вимкнено
action-user-enable = Користувача ввімкнено
action-user-password = Пароль задано адміністратором
action-key-rotate = Головний ключ змінено
action-note-change = Нотатку змінено
action-task-change = Завдання змінено
action-project-change = Проєкт змінено
action-requirement-change = Вимогу змінено

## Налаштування
profile-title = Ви
profile-name = Ім’я
profile-name-needed = В імені має бути від 1 до 100 символів.
profile-username = Ви входите як { $username }.
profile-zone = Часовий пояс
tokens-title = Токени доступу
tokens-lead = З токеном програма діє як ви, у межах позначених прав. Дайте кожній програмі свій токен, щоб можна було відкликати лише один.
tokens-empty-title = Токенів поки немає
tokens-empty-text = Створіть перший для свого асистента.
token-new = Створити токен
token-name = Для чого він?
token-name-example = Claude на моєму ноутбуці
token-days = Діє
token-scopes = Йому можна
token-create = Створити
token-made = Ваш новий токен «{ $name }»
token-once = Скопіюйте його зараз: він показується лише один раз.
token-used = використано { $when }
token-never-used = ще не використано
token-expires = діє до { $when }
token-no-expiry = без строку
token-expired = Минув строк
token-name-needed = Напишіть, для чого цей токен.
token-scope-needed = Позначте хоча б одне право.
token-too-many = Токенів уже { $n }. Спершу відкличте один із них.
days = { $n ->
    [one] { $n } день
    [few] { $n } дні
   *[many] { $n } днів
}
scope-tools-read = Бачити список інструментів
scope-tools-call = Користуватися інструментами, які лише читають
scope-tools-write = Користуватися інструментами, які щось змінюють
scope-approvals-decide = Вирішувати за вас погодження (асистентові з цим правом погодження не потрібне)
scope-chat = Говорити з асистентом
scope-servers-manage = Керувати вашими серверами
scope-integrations-manage = Підключати та відключати облікові записи
scope-audit-read = Читати ваш журнал
scope-admin = Адмініструвати цю установку
password-title = Пароль
password-current = Поточний пароль
password-new = Новий пароль
password-again = Новий пароль ще раз
password-help = На інших пристроях буде виконано вихід.
password-change = Змінити пароль
password-differs = Нові паролі не збігаються.
password-wrong = Поточний пароль неправильний.
password-short = У новому паролі має бути щонайменше { $n } символів.
password-long = У новому паролі більше ніж { $n } символів.
password-common = Новий пароль — один із найпоширеніших. Виберіть інший.
password-like-name = Новий пароль не має збігатися з іменем користувача.
sessions-title = Де ви ввійшли
sessions-lead = Вхід діє до 14 днів.
session-this = Цей пристрій
session-started = з { $when }
session-seen = активність { $when }
session-unknown = Невідомий пристрій
sign-out-everywhere = Вийти всюди
zone-unknown = Такого часового поясу немає. Приклад: Europe/Kyiv.

## Що сталося
flash-saved = Збережено.
flash-password = Пароль змінено; на інших пристроях виконано вихід.
flash-token-revoked = Токен відкликано, він уже не діє.
flash-disconnected = Відключено.
flash-approved = Дозволено й виконано.
flash-approved-failed = Дозволено, але виконати не вдалося. Докладно нижче.
flash-rejected = Відхилено. Нічого не зроблено.
flash-already-decided = Рішення вже було ухвалено; повторно нічого не зроблено.
flash-expired = Строк запиту минув. Асистент може запитати знову.
flash-signed-out = Ви вийшли.
flash-not-connected = Відключати не було чого.
flash-server-added = Додано. Deputy зараз читає його інструменти; перевірка покаже, що виходить.
flash-server-deleted = Видалено.
flash-tools-allowed = Дозволено. Інструменти знову можна викликати.
flash-tools-changed-again = Тим часом вони знову змінилися, тож нічого не дозволено. Погляньте ще раз.
flash-draft-lapsed = Минуло забагато часу, нічого не додано. Заповніть форму знову.

## Час
span-seconds = { $n ->
    [one] { $n } секунду
    [few] { $n } секунди
   *[many] { $n } секунд
}
span-minutes = { $n ->
    [one] { $n } хвилину
    [few] { $n } хвилини
   *[many] { $n } хвилин
}
span-hours = { $n ->
    [one] { $n } годину
    [few] { $n } години
   *[many] { $n } годин
}
time-now = щойно
time-minutes = { $n ->
    [one] { $n } хвилину тому
    [few] { $n } хвилини тому
   *[many] { $n } хвилин тому
}
time-hours = { $n ->
    [one] { $n } годину тому
    [few] { $n } години тому
   *[many] { $n } годин тому
}
time-days = { $n ->
    [one] { $n } день тому
    [few] { $n } дні тому
   *[many] { $n } днів тому
}

## Помилки
error-not-found-title = Тут нічого немає
error-not-found-text = Такої сторінки немає, або вона не ваша.
error-method-title = Так це не працює
error-method-text = Цю сторінку не можна відкрити таким способом.
error-form-title = Спробуйте ще раз
error-form-text = Форма застаріла або надійшла з іншого сайту, тому нічого не зроблено. Поверніться, оновіть сторінку й надішліть знову.
error-invalid-title = У формі щось не так
error-large-title = Це забагато
error-large-text = Сервер приймає за один раз менше.
error-server-title = Щось пішло не так
error-server-text = Це наша помилка, не ваша, і її записано. Спробуйте ще раз трохи згодом.
error-busy-title = Хвилинку
error-busy-text = Було забагато запитів. Спробуйте ще раз трохи згодом.
error-unavailable-title = Не зараз
error-unavailable-text = Зараз не вдається записати те, що тут роблять, тому нічого не зроблено. Спробуйте ще раз трохи згодом.

remote-ask-title = Під’єднати { $server }?
remote-ask-text = Вас привів сюди інший сайт. Якщо ви продовжите, { $host } попросить вас увійти, і після цього Deputy зможе користуватися цим обліковим записом від вашого імені.
remote-go-on = Продовжити
remote-ok-title = { $server }: під’єднано
remote-failed-title = Не вдається під’єднати { $server }
remote-callback-failed-title = Сервер не під’єднано
remote-to-servers = До ваших серверів
remote-begin-blocked = Сервер надсилає Deputy за адресою, до якої той не звертається ({ $detail }).
remote-begin-temporary = Сервер або його служба входу не відповідає як слід. Спробуйте ще раз трохи згодом.
remote-begin-nowhere = Сервер не повідомляє, де увійти. Перевірте його адресу або виберіть для нього інший спосіб входу.
remote-begin-discovery = Службою входу цього сервера не можна користуватися безпечно ({ $detail }).
remote-begin-no-registration = Служба входу не приймає нових клієнтів сама. Зареєструйте клієнта там і вкажіть його client id у налаштуваннях { $server }.
remote-begin-no-authentication = Служба входу вимагає від Deputy підтвердити себе способом, якого Deputy не знає.
remote-begin-registration = Служба входу не прийняла Deputy як клієнта ({ $detail }).
remote-begin-issuer-changed = Сервер тепер називає іншу службу входу, а не ту, до якої належить його client id. Якщо це правильно, видаліть { $server } і додайте знову.
remote-begin-other-site = Служба входу сервера { $server } надсилає людей на інший сайт, а її відповіді не кажуть, чиї вони: вони можуть бути чужими. Попросіть її власника про RFC 9207 (параметр iss).
remote-incomplete = Відповідь неповна. Будь ласка, почніть знову.
remote-other-issuer = Відповідь надійшла не від того, кого питали. Нічого не під’єднано.
remote-upstream = Служба входу не підтвердила під’єднання ({ $detail }). Почніть ще раз.
remote-upstream-client = Служба входу не приймає ідентифікатор або секрет клієнта ({ $detail }). Якщо ви ввели їх у налаштуваннях сервера, перевірте їх там.
remote-refused = Служба входу не дала дозволу ({ $detail }). Нічого не під’єднано. Почніть ще раз.
remote-unusable = Його налаштування більше не приймаються ({ $detail }). Змініть їх на його сторінці.
remote-no-server = У вас більше немає цього сервера. Нічого не під’єднано.
notice-remote-title = { $host } просить увійти знову
notice-remote = Служба входу припинила дозвіл. Під’єднайте сервер знову, щоб продовжити.
notice-remote-client = Служба входу більше не знає Deputy. Під’єднайте сервер знову, щоб продовжити.
notice-reuse-title = Доступ { $client } припинено
notice-reuse = Токен, який давно замінено, пред’явили знову: можливо, хтось має його копію. Усе, що було в цієї програми, одразу перестало діяти. Якщо вона ваша, нехай увійде знову; що вона робила, видно в журналі.
notice-reuse-code = Код її входу пред’явили двічі: можливо, його підслухали. Усе, що було в цієї програми, одразу перестало діяти. Якщо вона ваша, нехай увійде знову; що вона робила, видно в журналі.
notice-first-title = Новий доступ: { $clients }
notice-more-title = Більше доступу, ніж раніше: { $clients }
notice-first = Це дозволили ви або хтось у вашому браузері. Якщо не ви, заберіть доступ у налаштуваннях і змініть пароль.
notice-shared-title = { $by } ділиться з вами проєктом: { $project }
notice-shared = Він у розділі «Вимоги». Якщо він вам не потрібен, залиште його там само.

## Програми, що діють за людей: згода
consent-title = Дозволити { $client }?
consent-heading = хоче діяти за вас
consent-you = Ви ввійшли як { $name } ({ $username }).
consent-other = Увійти під іншим іменем
consent-back-to = Після цього ви потрапите на
consent-kind-builtin = Командний рядок самого Deputy.
consent-kind-registered = Цю програму додав адміністратор цього Deputy.
consent-kind-dynamic = Так вона назвала себе сама. Назвати програму так може будь-хто: дивіться, куди ви потрапите.
consent-kind-document = Її описано на { $host }. Більше про неї нічого не відомо; ім’я вона дала собі сама.
consent-loopback = Це програма на цьому комп’ютері; яка саме, Deputy знати не може. Продовжуйте, лише якщо ви самі її щойно запустили.
consent-app = Адреса належить програмі на вашому пристрої, і зайняти її може будь-яка програма. Продовжуйте, лише якщо ви самі її щойно запустили.
consent-elsewhere = Хост, де її описано, і хост, на який ви потрапите, різні. Продовжуйте, лише якщо знаєте, що обидва належать її творцям.
consent-unknown-host = Ви ще нічого їй не дозволяли. Продовжуйте, лише якщо знаєте цей хост.
consent-for = Їй буде доступно
consent-for-mcp = усі ваші інструменти (MCP)
consent-for-server = лише ваш сервер «{ $server }» (MCP)
consent-for-api = інтерфейс Deputy для програм (REST API)
consent-scopes = Їй можна
consent-scopes-help = Зніміть позначку із зайвого. Якщо програмі чогось бракуватиме, вона запитає знову.
consent-before = Ви вже дещо дозволили цій програмі { $when }.
consent-none-ticked = Нічого не позначено, дозволяти нічого. Позначте щось або відмовте.
consent-nothing-offered = Вона не просить нічого з того, що ви можете дозволити.
consent-allow = Дозволити
consent-deny = Відмовити
consent-take-back = Доступ можна забрати будь-коли в налаштуваннях.
consent-failed-title = Цю програму підключити не можна
consent-unknown-client = Програми з таким ідентифікатором (client_id) тут немає. Можливо, її видалили: приберіть Deputy у програмі й додайте знову.
consent-blocked = Адміністратор заблокував тут цю програму. Нічого не зроблено.
consent-wrong-redirect = Програма просить відповісти на чужу адресу (redirect_uri). Можливо, хтось намагається здобути ваш доступ: нічого не зроблено.
consent-malformed = У запиті програми помилка ({ $detail }). Нічого не зроблено.
consent-document = Адресу, якою називає себе програма, не вдалося прочитати ({ $detail }). Спробуйте ще раз трохи згодом.
consent-later = Опис програми зараз не отримати. Нічого не дозволено. Спробуйте ще раз за { $minutes } хв.
consent-too-many = Ви вже надали доступ надто багатьом програмам. Спершу заберіть один у налаштуваннях, потім почніть знову.
consent-too-long = Запит програми задовгий. Нічого не зроблено.
consent-request-failed = Запит програми не можна виконати ({ $detail }). Нічого не дозволено.
consent-back = Повернутися на { $host }

## Програми, що діють за людей: налаштування
access-title = Програми з доступом
access-lead = Кому й коли ви дозволили діяти за вас. Забраний доступ перестає працювати одразу.
access-empty-title = Жодна програма не має доступу
access-empty-text = Коли асистент підключиться до Deputy, вас запитають у браузері, і він з’явиться в цьому списку.
access-since = з { $when }
access-used = використано { $when }
access-never-used = ще не використано
access-end = Забрати
access-end-all = Забрати все
password-end-access = Також припинити доступ усіх програм. Їм доведеться спитати знову.
password-access-stays = Пароль змінено, але припинити доступ програм не вдалося. Заберіть його вище.

## Адміністрування
nav-admin = Керування
admin-title = Керування
admin-lead = Те, що діє для всіх, хто користується цим Deputy.
clients-title = Програми
clients-lead = Програми, які можуть просити доступ у людей. Додані тут відомі Deputy з ваших слів: програмі дають ідентифікатор і вказують адреси, на які вона може повертати людей.
clients-empty-title = Жодної не додано
clients-empty-text = Більшості це не потрібно: вони реєструються самі або описані на власній адресі.
clients-others-title = Програми, що прийшли самі
clients-others-lead = Вони зареєструвалися самі або описані на своїй адресі. Імена вони дали собі самі. Ті, кому ніхто нічого не дозволив, забуваються за добу.
clients-others-empty = Поки жодної
clients-kind-registered = додано
clients-kind-dynamic = зареєструвалася сама
clients-kind-document = описано на своїй адресі
clients-since = з { $when }
clients-used = використано { $when }
clients-never-used = не використовувалася
clients-more = Далі
clients-first = Від початку
client-new = Додати програму
client-id = Ідентифікатор (client_id)
client-id-help = Латинські літери, цифри, крапки, дефіси та підкреслення; наприклад: calendar-bot
client-name = Ім’я
client-name-help = Його бачать люди, коли їх запитують. Порожньо: ідентифікатор.
client-redirects = Адреси, на які повертаються люди, по одній у рядку
client-redirects-help = https://…, адреса цього комп’ютера на кшталт http://127.0.0.1/callback (з будь-яким портом) або власна схема програми.
client-add = Додати
client-remove = Видалити
client-remove-title = Видалити { $name }?
client-remove-text = Усе, що люди їй дозволили, одразу припиниться.
client-remove-again = Програма, яка реєструється сама, може прийти знову; людей запитають наново.
client-remove-confirm = Так, видалити
client-taken = Програма з таким ідентифікатором уже є.
client-refused = Додати не можна: { $detail }.
admin-access-title = Доступ
admin-access-lead = Програми, яким люди дали доступ, і люди, які його дали. Те, що ви припините, відразу перестане працювати; програма залишиться й зможе спитати знову.
admin-access-empty = Доступу немає в жодної програми
admin-access-end = Припинити все
admin-access-people = Люди, які дали доступ
admin-access-person = людина
blocks-title = Заблоковані програми
blocks-lead = Заблокована програма ні в кого не може попросити доступ, а її попередній доступ відразу припиняється. Програма, яка реєструється сама, щоразу отримує новий ідентифікатор: блокувати її за ним марно.
block-new = Заблокувати програму
block-name = Ідентифікатор або хост
block-name-help = client_id програми або хост, на якому описано програми, наприклад: example.org
block-kind = Що це
block-kind-client = програма
block-kind-host = хост з описами
block-add = Заблокувати
block-end = Розблокувати
block-refused = Заблокувати це не можна. Укажіть client_id програми або лише хост, наприклад example.org.
block-refused-host = Програми з таким ідентифікатором немає. Якщо це хост, виберіть «хост з описами».
block-refused-many = Блокувань уже забагато. Спершу розблокуйте щось.
block-unfinished = Програму заблоковано, але припинено не все, що їй дозволили. Заблокуйте ще раз.
clients-grants = { $n ->
    [0] ніхто не користується
    [one] { $n } доступ
    [few] { $n } доступи
   *[many] { $n } доступів
}
flash-access-ended = Доступ забрано, він уже не діє.
flash-accesses-ended = Усе забрано, і воно відразу перестало працювати.
flash-password-and-access = Пароль змінено, доступу більше немає в жодної програми.
flash-client-blocked = Заблоковано. Усе, що в неї було, відразу перестало працювати.
flash-client-unblocked = Вона знову може просити доступ.
flash-client-added = Додано.
flash-client-removed = Видалено.

## Second factor
second-title = Другий крок
second-heading = Ще один крок
second-lead = Пароль правильний, { $name }. Тепер покажіть, що це ви.
second-code = Код
second-code-help = Шість цифр із застосунку-автентифікатора або один із резервних кодів.
second-recovery = Резервний код
second-recovery-help = Один із десяти кодів, які ви записали. Кожен діє один раз.
second-submit = Увійти
second-other = Увійти під іншим іменем
factor-wrong = Код неправильний або вже використаний. Код із застосунку діє один раз; дочекайтеся наступного.
passkey-use = Використати ключ доступу
passkey-sign-in = Увійти з ключем доступу
passkey-failed = Ключ доступу не використано. Спробуйте ще раз або оберіть інший спосіб.
passkey-refused = Цей ключ доступу тут не прийнято. Спробуйте ще раз або оберіть інший спосіб.
confirm-title = Підтвердьте, що це ви
confirm-heading = Це досі ви?
confirm-lead = Для цієї дії потрібне свіже підтвердження, { $username }: останньому понад десять хвилин або в ньому не було другого кроку.
confirm-submit = Підтвердити
factor-title = Другий фактор
factor-lead = З ним ніхто не увійде, знаючи лише ваш пароль.
factor-must = Тут потрібен другий фактор. Налаштуйте застосунок або ключ доступу. До того більше нічого не відкриється.
factor-on = увімкнено
factor-off = немає другого фактора
factor-set-up = Налаштувати
factor-change = Змінити
factor-back = До налаштувань
factor-go-on = Далі
factor-remove = Видалити
factor-has-app = Застосунок уже налаштовано. Спершу видаліть його.
factor-lapsed = Це вже зроблено або тривало надто довго. Почніть спочатку.
app-title = Застосунок-автентифікатор
app-lead = Застосунок на телефоні, який показує шість цифр, нові кожні пів хвилини.
app-active = налаштовано
app-begin = Налаштувати застосунок
app-scan = Сфотографуйте це застосунком:
app-picture = Те, що має знати застосунок, у вигляді зображення
app-type = Немає камери? Введіть це в застосунок як ключ за часом:
app-first-code = Код, який застосунок показує зараз
app-confirm = Увімкнути
passkeys-title = Ключі доступу
passkeys-lead = Телефон, комп’ютер або ключ безпеки впускає вас, перевіривши палець, обличчя чи PIN. Ключ доступу працює на цій адресі й більше ніде.
passkeys-script = Щоб додати ключ доступу, потрібен JavaScript.
passkeys-no-name = Тут не може бути ключів доступу: вони належать імені хоста, а цей Deputy відкрито за числовою адресою. Адміністратор може дати йому ім’я в DEPUTY_PUBLIC_URL.
passkey-name = Назва
passkey-name-example = Мій телефон
passkey-name-needed = Дайте ключу доступу назву до 64 символів.
passkey-add = Додати ключ доступу
passkey-too-many = Ключів доступу вже { $n }. Спершу видаліть один.
recovery-title = Резервні коди
recovery-lead = На день, коли немає ні телефона, ні ключів. Кожен код впускає один раз, разом із паролем.
recovery-left = { $n ->
    [0] резервних кодів не лишилося
    [one] лишився { $n } резервний код
    [few] лишилося { $n } резервні коди
   *[other] лишилося { $n } резервних кодів
}
recovery-new = Створити нові
recovery-made = Ваші резервні коди
recovery-once = Запишіть або надрукуйте їх і зберігайте окремо від пароля. Їх показано один раз; попередні більше не діють.
flash-app-added = Застосунок налаштовано. Відтепер самого пароля замало.
flash-app-removed = Застосунок видалено.
flash-passkey-added = Ключ доступу додано.
flash-passkey-removed = Ключ доступу видалено. Він одразу перестав працювати.
flash-factor-reset = Видалено. Людина входить лише з паролем і дізнається про це.
flash-account-deleted = Ваш обліковий запис видалено.
notice-app-added = Налаштовано застосунок-автентифікатор
notice-app-removed = Застосунок-автентифікатор видалено
notice-passkey-added = Новий ключ доступу: { $name }
notice-passkey-removed = Видалено ключ доступу: { $name }
notice-factor-added-text = Це зробили ви або хтось за вашим браузером. Якщо не ви, видаліть його в налаштуваннях і змініть пароль.
notice-factor-removed-text = Це зробили ви або хтось за вашим браузером. Якщо не ви, змініть пароль і перевірте другий фактор у налаштуваннях.
notice-recovery-new = Створено нові резервні коди
notice-recovery-new-text = Попередні більше не діють. Якщо це не ви, змініть пароль і створіть нові.
notice-recovery-used = Використано резервний код
notice-recovery-used-text = { $n ->
    [0] Це був останній: створіть нові в налаштуваннях. Якщо це не ви, змініть пароль.
    [one] Лишився { $n }. Якщо це не ви, змініть пароль і створіть нові.
    [few] Лишилося { $n }. Якщо це не ви, змініть пароль і створіть нові.
   *[other] Лишилося { $n }. Якщо це не ви, змініть пароль і створіть нові.
}
notice-factor-reset = Ваш другий фактор видалено
notice-factor-reset-text = Це зробив адміністратор. Тепер для входу досить пароля; налаштуйте другий фактор знову в налаштуваннях.
action-session-confirm = Підтверджено, хто це
action-factor-add = Додано другий фактор
action-factor-remove = Видалено другий фактор
action-factor-recovery = Нові резервні коди
action-factor-recovery-used = Використано резервний код
action-factor-refused = Другий фактор відхилено
action-user-reset-second-factor = Другі фактори видалено адміністратором
people-title = Люди
people-lead = Хто входить із другим фактором. Видаліть його тим, хто свій загубив: вони дізнаються про це й увійдуть лише з паролем.
person-disabled = вимкнено
person-passkeys = { $n ->
    [one] { $n } ключ доступу
    [few] { $n } ключі доступу
   *[other] { $n } ключів доступу
}
person-reset = Видалити другі фактори
delete-title = Видалити мій обліковий запис
delete-short = З усім, що тут ваше. Скасувати це не можна.
delete-begin = Видалити …
delete-lead = Це зникне одразу й назавжди:
delete-google = ваше підключення до Google: Google дізнається, що дозвіл припиняється
delete-servers = ваші сервери: вони зупиняться, і те, що вони тут зберігали, видаляється
delete-access = доступ програм, ваші токени й усі місця, де ви увійшли
delete-rest = ваші налаштування, погодження й ключі, якими запечатано ваші секрети
delete-stays = Те, що ви робили, лишається в записах, без вашого імені. Те, що лежить у вашому обліковому записі Google та в інших службах, лишається там.
delete-name = Для підтвердження введіть своє ім’я користувача, { $username }
delete-name-differs = Це не ваше ім’я користувача. Нічого не видалено.
delete-confirm = Видалити мій обліковий запис
delete-last = Ви останній адміністратор. Спершу призначте іншого, інакше нікому буде доглядати цей Deputy.

## Нотатки, завдання, вимоги
nav-notes = Нотатки
nav-tasks = Завдання
nav-projects = Вимоги
workspace-find = Пошук і фільтр
workspace-words = Слова
workspace-show = Показати
workspace-status = Статус
workspace-edit = Змінити
workspace-nothing = Нічого не знайдено
workspace-markdown = Можна писати в Markdown.
workspace-problem-missing = Цього немає або вже немає.
workspace-problem-role = Вашої ролі в проєкті для цього недостатньо.
workspace-problem-invalid = Перевірте, що заповнено.
workspace-problem-version = Тим часом це змінив хтось інший. Нинішній текст показано вище; внесіть у нього свою правку і збережіть ще раз. Нічого не втрачено.
workspace-problem-conflict = Зараз так зробити не можна.
workspace-problem-limit = Більше не можна: досягнуто межі.
notes-lead = Те, що записуєте ви та ваші асистенти. Бачите це лише ви.
notes-empty = Нотаток поки немає
notes-all = Усі
notes-open = Відкриті
notes-done = Виконані
note-new = Нова нотатка
note-title = Нотатка
note-content = Текст
note-category = Категорія
note-complete = Виконано
note-reopen = Відкрити знову
note-delete = Видалити нотатку
tasks-lead = Що треба зробити, спершу найближче за строком. Бачите це лише ви.
tasks-empty = Справ немає
tasks-open = До виконання
tasks-all = Усі
task-new = Нове завдання
task-one = Завдання
task-title = Що треба зробити
task-description = Докладніше
task-priority = Пріоритет
task-due = Строк
task-due-help = Дата, наприклад 2026-12-31, або час, наприклад 2026-12-31 15:00.
task-due-by = строк { $due }
task-overdue = прострочено з { $due }
task-begin = Почати
task-delete = Видалити завдання
task-pending = Очікує
task-in-progress = У роботі
task-done = Зроблено
task-cancelled = Скасовано
priority-low = Низький
priority-medium = Середній
priority-high = Високий
priority-urgent = Терміновий
projects-title = Проєкти
projects-lead = Вимоги з історією та зв'язками, у проєктах, якими ви ділитеся з іншими.
projects-empty = Проєктів поки немає
project-new = Новий проєкт
project-create = Створити проєкт
project-name = Назва
project-key = Ключ
project-key-help = Від 2 до 10 латинських літер і цифр; вимоги називаються SHOP-1, SHOP-2. Потім він не змінюється.
project-description = Про що він
project-change = Змінити або видалити проєкт
project-delete = Видалити проєкт
project-delete-title = Видалити «{ $name }»?
project-delete-text = Усі вимоги, їхня історія, зв'язки та коментарі зникнуть у всіх учасників. Скасувати це не можна.
project-viewer = Читач
project-editor = Редактор
project-owner = Власник
members-title = Учасники
member-username = Ім'я користувача
member-role = Роль
member-role-help = Читачі читають; редактори змінюють вимоги; власники вирішують про учасників і проєкт.
member-add = Поділитися
member-remove = Прибрати
member-leave = Залишити
requirement-new = Нова вимога
requirements-empty = Вимог поки немає
requirements-deleted = Видалені
requirement-title = Заголовок
requirement-body = Текст
requirement-reason = Чому (для історії)
requirement-version = Версія { $version }
requirement-now = Нинішній текст (версія { $version })
requirement-no-text = Тексту поки немає.
requirement-is-deleted = Цю вимогу видалено. Її історію збережено, її можна відновити.
requirement-delete = Видалити вимогу
requirement-restore = Відновити вимогу
requirement-draft = Чернетка
requirement-proposed = Запропоновано
requirement-approved = Схвалено
requirement-implemented = Реалізовано
requirement-verified = Перевірено
requirement-rejected = Відхилено
requirement-obsolete = Застаріло
links-title = Зв'язки
links-empty = Зв'язків немає
link-refines = уточнює
link-refined-by = уточнюється в
link-depends-on = залежить від
link-needed-by = потрібна для
link-verifies = перевіряє
link-verified-by = перевіряється в
link-this = { $key }
link-other = Ключ іншої вимоги
link-add = Зв'язати
link-remove = Прибрати
comments-title = Коментарі
comment-new = Новий коментар
comment-add = Надіслати
comment-delete = Видалити
history-title = Історія
history-of = Історія { $key }
history-same-text = Текст той самий.
history-links = Зв'язки, що з'явилися та зникли
version-created = створено
version-edited = змінено
version-deleted = видалено
version-restored = відновлено
version-imported = імпортовано
version-linked = зв'язано
version-unlinked = прибрано
matrix-title = Матриця
matrix-lead = Чим кожна вимога є для інших: рядки уточнюють стовпці, залежать від них або перевіряють їх.
flash-deleted = Видалено.
flash-project-left = Проєкту у вас більше немає.
project-requirements = { $n ->
    [one] { $n } вимога
    [few] { $n } вимоги
   *[other] { $n } вимог
}
project-members = { $n ->
    [one] { $n } учасник
    [few] { $n } учасники
   *[other] { $n } учасників
}
